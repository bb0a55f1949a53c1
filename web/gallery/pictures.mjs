/** Opens the states of the built gallery in a browser, one after the other, each as still as a photograph. */

import { chromium } from "playwright-core";
import { CHROMIUM, FLAGS } from "../build/chromium.mjs";
import { serveGallery } from "./serve.mjs";

/** Ends with `close()`. */
export async function openGallery(built) {
  const served = await serveGallery(built);
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [...FLAGS, "--font-render-hinting=none"],
  });
  const close = async () => {
    await browser.close();
    await served.close();
  };
  return { browser, base: served.address, close };
}

/** The names of all states, as the gallery's own page lists them. */
export async function namesOfStates({ browser, base }) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => process.stdout.write(`${error.message}\n`));
  await page.goto(base);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  const names = await page.$$eval("[data-state]", (links) => links.map((link) => link.dataset.state));
  await page.close();
  return names;
}

/** A window of this size; a narrow one is a phone. */
export function openWindow({ browser }, width, height, density) {
  const isPhone = width < 640;
  return browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: density ?? (isPhone ? 2 : 1),
    hasTouch: isPhone,
    isMobile: isPhone,
    reducedMotion: "reduce",
    locale: "en",
    timezoneId: "UTC",
  });
}

/** Shows one state in a page and waits until it stands still. `errors` collects what broke. */
export async function showState(page, base, state, errors = []) {
  let open = 0;
  let asked = 0;
  const answered = () => {
    open -= 1;
  };
  const listeners = {
    pageerror: (error) => errors.push(error.message),
    console: (line) => line.type() === "error" && errors.push(line.text()),
    request: () => {
      open += 1;
      asked += 1;
    },
    requestfinished: answered,
    requestfailed: answered,
  };
  for (const [name, listener] of Object.entries(listeners)) page.on(name, listener);
  try {
    await page.goto(`${base}?${new URLSearchParams(state)}`);
    await page.waitForSelector("html[data-ready]", { state: "attached", timeout: 10_000 });
    await page.evaluate(() => document.fonts.ready);
    const until = Date.now() + 10_000;
    for (let seen = -1; (open > 0 || seen !== asked) && Date.now() < until; ) {
      seen = asked;
      await page.evaluate(() => globalThis.gallery?.still());
    }
  } catch (error) {
    // A page that never stands still is a picture of what is wrong with it.
    errors.push(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
  } finally {
    for (const [name, listener] of Object.entries(listeners)) page.off(name, listener);
  }
  return errors;
}
