/** The gallery for a test: built into a folder of its own, served, and its states opened one after the other in one page. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { vi } from "vitest";
import { serveGallery } from "../gallery/serve.mjs";

export interface Gallery {
  /** `area/name` of each; with GALLERY_ONLY in the environment those that have it in their name. */
  readonly states: readonly string[];
  readonly address: string;
  close(): Promise<void>;
}

export async function openGallery(browser: Browser): Promise<Gallery> {
  const folder = await mkdtemp(join(tmpdir(), "multiplayer-gallery-"));
  // A test runner's environment would build React for those who develop with it.
  vi.stubEnv("NODE_ENV", "production");
  try {
    await build({
      configFile: join(import.meta.dirname, "../gallery/vite.gallery.ts"),
      logLevel: "error",
      build: { outDir: folder },
    });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  } finally {
    vi.unstubAllEnvs();
  }
  const { address, close } = await serveGallery(folder);
  const page = await browser.newPage();
  await page.goto(address);
  await page.locator("[data-state]").first().waitFor();
  const states = await page
    .locator("[data-state]")
    .evaluateAll((links) => links.map((link) => link.getAttribute("data-state") ?? ""));
  await page.close();
  const only = process.env.GALLERY_ONLY ?? "";
  return {
    states: states.filter((state) => state.includes(only)),
    address,
    async close() {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Frame {
  readonly page: Page;
  /** What the page did that it must never do, since it was last asked. */
  takeWrongs(): readonly string[];
  open(state: string): Promise<void>;
  dress(theme: "light" | "dark", language: "en" | "zh"): Promise<void>;
  resize(width: number, height: number): Promise<void>;
}

/** A page that shows states; each area is loaded anew. */
export async function openFrame(
  browser: Browser,
  { address }: Gallery,
  size: { readonly width: number; readonly height: number; readonly isPhone: boolean },
): Promise<Frame> {
  const { isPhone, ...viewport } = size;
  const context = await browser.newContext({
    viewport,
    hasTouch: isPhone,
    isMobile: isPhone,
    reducedMotion: "reduce",
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  let wrongs: string[] = [];
  const own = new URL(address).host;
  let shown: string | undefined;
  let asked = 0;
  let open = 0;
  const answered = () => {
    open -= 1;
  };
  page.on("requestfinished", answered);
  page.on("requestfailed", answered);
  page.on("request", (request) => {
    asked += 1;
    open += 1;
    const at = new URL(request.url());
    if (!["data:", "blob:"].includes(at.protocol) && at.host !== own) wrongs.push(`asked ${request.url()}`);
  });
  page.on("pageerror", (error) => wrongs.push(`threw ${error.message}`));
  page.on("console", (line) => {
    if (line.type() === "error") wrongs.push(`said ${line.text()}`);
  });
  /** Until frames went by in which nothing was asked for: what is shown may have parts that are loaded later. */
  const still = async () => {
    for (let looks = 0; looks < 100; looks += 1) {
      const before = asked;
      await page.evaluate(() => window.gallery?.still());
      if (before === asked && open <= 0) return;
    }
  };
  return {
    page,
    takeWrongs() {
      const taken = wrongs;
      wrongs = [];
      return taken;
    },
    async open(state) {
      const area = state.split("/")[0];
      if (area === shown) {
        await page.evaluate((name) => window.gallery?.show(name), state);
      } else {
        await page.goto(`${address}?${new URLSearchParams({ state })}`);
        await page.locator("html[data-ready]").waitFor({ state: "attached" });
      }
      shown = area;
      await still();
      // A state that comes about by being pressed has been pressed.
      await page.locator("html:not([data-pressing])").waitFor({ state: "attached" });
      await still();
    },
    async dress(theme, language) {
      await page.evaluate(([to, words]) => window.gallery?.dress(to, words), [theme, language] as const);
      await still();
    },
    async resize(width, height) {
      await page.setViewportSize({ width, height });
      await still();
    },
  };
}
