/** The words in English that a room shows as soon as it is there. */

import { banners } from "./banners";
import { composer } from "./composer";
import { rooms } from "./rooms";
import { timeline } from "./timeline";
import { turns } from "./turns";

export const room = { banners, composer, rooms, timeline, turns };
