/** What is opened from the list of rooms: fetched when it first is. */

import { later } from "../../ui/Later";

export const NewRoom = later(() => import("./NewRoom").then((part) => part.NewRoom), { isOver: true });
export const NewDirect = later(() => import("./NewDirect").then((part) => part.NewDirect), {
  words: ["members"],
  isOver: true,
});
