/** All words in English: an area is one import and one line, here and in `zh/all.ts`. */

import { banners } from "./banners";
import { cards } from "./cards";
import { common } from "./common";
import { composer } from "./composer";
import { context } from "./context";
import { files } from "./files";
import { members } from "./members";
import { notifying } from "./notifying";
import { palette } from "./palette";
import { rooms } from "./rooms";
import { search } from "./search";
import { settings } from "./settings";
import { shell } from "./shell";
import { signin } from "./signin";
import { terminal } from "./terminal";
import { timeline } from "./timeline";
import { turns } from "./turns";
import { usage } from "./usage";

export const en = {
  banners,
  cards,
  common,
  composer,
  context,
  files,
  members,
  notifying,
  palette,
  rooms,
  search,
  settings,
  shell,
  signin,
  terminal,
  timeline,
  turns,
  usage,
};
