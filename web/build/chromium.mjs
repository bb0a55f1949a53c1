/** Where Chromium is on this machine: CHROMIUM, else where packages put it. Run by itself it ends with 1 if nowhere. */

import { existsSync } from "node:fs";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const CHROMIUM = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));

if (process.argv[1] === import.meta.filename) process.exit(CHROMIUM === undefined ? 1 : 0);
