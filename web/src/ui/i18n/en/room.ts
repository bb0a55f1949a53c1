/** The words in English that a room shows as soon as it is there. */

import { banners } from "./banners";
import { cards } from "./cards";
import { composer } from "./composer";
import { rooms } from "./rooms";
import { timeline } from "./timeline";

export const room = { banners, cards, composer, rooms, timeline };
