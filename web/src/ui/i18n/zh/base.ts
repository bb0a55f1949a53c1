/** The words in Simplified Chinese that every page needs, and what says that something went wrong. */

import { common } from "./common";
import { shell } from "./shell";

export const base = { common, shell };
