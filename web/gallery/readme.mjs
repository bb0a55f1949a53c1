/**
 * Makes the pictures of the README: node gallery/readme.mjs <built gallery> [folder]
 * Each is a whole screen of the gallery, so that they say what the interface says, today.
 */

import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openGallery, openWindow, showState } from "./pictures.mjs";

const MOST_KB = 400;
const PICTURES = [
  { name: "room", state: "scenes/deploy", theme: "light", lang: "en" },
  { name: "live", state: "scenes/incident", theme: "dark", lang: "en" },
];

const [built, folder = fileURLToPath(new URL("../../docs/images", import.meta.url))] = process.argv.slice(2);
if (built === undefined) {
  process.stderr.write("usage: node gallery/readme.mjs <built gallery> [folder]\n");
  process.exit(2);
}

mkdirSync(folder, { recursive: true });
const gallery = await openGallery(built);
let wrong = 0;
try {
  const window = await openWindow(gallery, 1440, 900);
  const page = await window.newPage();
  for (const { name, state, theme, lang } of PICTURES) {
    const path = join(folder, `${name}.png`);
    const errors = await showState(page, gallery.base, { state, theme, lang });
    // What grows once more after it is there stands still by then.
    await page.waitForTimeout(1_000);
    await page.screenshot({ path, animations: "disabled", caret: "hide" });
    const kb = Math.ceil(statSync(path).size / 1000);
    if (kb > MOST_KB) errors.push(`it weighs more than ${MOST_KB} KB`);
    wrong += errors.length;
    process.stdout.write([`${path} ${kb} KB`, ...errors].join("\n  ").concat("\n"));
  }
} finally {
  await gallery.close();
}
process.exit(wrong === 0 ? 0 : 1);
