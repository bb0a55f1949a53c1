/**
 * Takes a picture of every state of the gallery:
 *   node gallery/shoot.mjs <built gallery> <folder for pictures> [filter] [--theme=light] [--lang=en] [--size=1440x900] [--full]
 * `filter` is a part of `area/name`. Says what broke, and ends with 1 if anything did.
 */

import { createReadStream, existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const words = process.argv.slice(2);
const [built, folder, filter = ""] = words.filter((word) => !word.startsWith("--"));
if (built === undefined || folder === undefined) {
  process.stderr.write(
    "usage: node gallery/shoot.mjs <built gallery> <folder for pictures> [filter] [--theme= --lang= --size=]\n",
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

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};
const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://gallery").pathname));
  const file = join(built, path === "/" ? "gallery.html" : path);
  if (!file.startsWith(normalize(built)) || !existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${server.address().port}/gallery.html`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic"],
});
mkdirSync(folder, { recursive: true });
let broken = 0;
let taken = 0;
try {
  const contents = await browser.newPage();
  contents.on("pageerror", (error) => process.stdout.write(`${error.message}\n`));
  await contents.goto(base);
  await contents.waitForSelector("html[data-ready]", { state: "attached" });
  const states = await contents.$$eval("[data-state]", (links) => links.map((link) => link.dataset.state));
  await contents.close();
  for (const size of sizes) {
    const [width, height] = size.split("x").map(Number);
    const isPhone = width < 640;
    const context = await browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: isPhone ? 2 : 1,
      hasTouch: isPhone,
      isMobile: isPhone,
      reducedMotion: "reduce",
      locale: "en",
      timezoneId: "UTC",
    });
    for (const state of states.filter((name) => name.includes(filter))) {
      for (const theme of themes) {
        for (const lang of languages) {
          const page = await context.newPage();
          const errors = [];
          page.on("pageerror", (error) => errors.push(error.message));
          page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
          await page.goto(`${base}?${new URLSearchParams({ state, theme, lang })}`);
          await page.waitForSelector("html[data-ready]", { state: "attached", timeout: 10_000 });
          await page.waitForLoadState("networkidle");
          await page.evaluate(() =>
            document.fonts.ready.then(
              () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
            ),
          );
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
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
          await page.close();
        }
      }
    }
    await context.close();
  }
} finally {
  await browser.close();
  server.close();
}
process.stdout.write(`${taken} pictures, ${broken} with something broken\n`);
process.exit(broken === 0 ? 0 : 1);
