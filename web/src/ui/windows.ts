/** Windows over the page, for views that are there before one is opened: the window is fetched when it is. */

import type { DialogProps } from "./Dialog";
import { later } from "./Later";
import type { SheetProps } from "./Sheet";

export const Dialog = later<DialogProps>(() => import("./Dialog").then((part) => part.Dialog), { isOver: true });
export const Sheet = later<SheetProps>(() => import("./Sheet").then((part) => part.Sheet), { isOver: true });
