/**
 * Takes a picture of every state of the gallery:
 *   node gallery/shoot.mjs <built gallery> <folder for pictures> [filter,…] [--theme=light] [--lang=en] [--size=1440x900] [--full]
 * A filter is a part of `area/name`. Says what broke, and ends with 1 if anything did.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { namesOfStates, openGallery, openWindow, showState } from "./pictures.mjs";

const words = process.argv.slice(2);
const [built, folder, filter = ""] = words.filter((word) => !word.startsWith("--"));
if (built === undefined || folder === undefined) {
  process.stderr.write(
    "usage: node gallery/shoot.mjs <built gallery> <folder for pictures> [filter,…] [--theme= --lang= --size= --full]\n",
  );
  process.exit(2);
}
const option = (name, usual) => {
  const given = words.find((word) => word.startsWith(`--${name}=`));
  return given === undefined ? usual : given.slice(name.length + 3).split(",");
};
const themes = option("theme", ["light", "dark"]);
const languages = option("lang", ["en", "zh"]);
const sizes = option("size", ["1440x900", "390x844"]);

mkdirSync(folder, { recursive: true });
const gallery = await openGallery(built);
let broken = 0;
let taken = 0;
try {
  const states = (await namesOfStates(gallery)).filter((name) => filter.split(",").some((part) => name.includes(part)));
  for (const size of sizes) {
    const [width, height] = size.split("x").map(Number);
    const window = await openWindow(gallery, width, height);
    const page = await window.newPage();
    for (const state of states) {
      for (const theme of themes) {
        for (const lang of languages) {
          const errors = await showState(page, gallery.base, { state, theme, lang });
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - globalThis.innerWidth);
          if (wide > 1) errors.push(`the page is ${wide} px too wide`);
          await page.screenshot({
            path: join(folder, `${state.replace("/", "--")}-${theme}-${lang}-${width}.png`),
            fullPage: words.includes("--full"),
          });
          taken += 1;
          for (const error of errors) {
            broken += 1;
            process.stdout.write(`${state} ${theme} ${lang} ${width}: ${error}\n`);
          }
        }
      }
    }
    await window.close();
  }
} finally {
  await gallery.close();
}
process.stdout.write(`${taken} pictures, ${broken} with something broken\n`);
process.exit(broken === 0 ? 0 : 1);
