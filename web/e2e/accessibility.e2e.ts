/**
 * Every state of the gallery, for everyone: light and dark, in both languages, on a desktop, on a phone, and enlarged.
 * Colours are looked at in each theme, language and size; the other rules once a size.
 */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faults } from "./axe";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { misfits } from "./fit";
import { type Frame, type Gallery, openFrame, openGallery } from "./gallery";

/** WCAG 2.2 wants 24 px; a finger 44. */
const MOUSE = { target: 24 };
const TOUCH = { target: 24, finger: 44 };

/** What is wrong, each with where it was seen. */
class Findings {
  readonly #found = new Map<string, string[]>();

  add(where: string, wrongs: readonly string[]): void {
    for (const wrong of wrongs) this.#found.set(wrong, [...(this.#found.get(wrong) ?? []), where]);
  }

  lines(): readonly string[] {
    return [...this.#found].map(([wrong, places]) => {
      const more = places.length > 3 ? ` and ${places.length - 3} more` : "";
      return `${places.slice(0, 3).join(", ")}${more}: ${wrong}`;
    });
  }
}

describe.skipIf(CHROMIUM === undefined)("the gallery", { timeout: 1_200_000 }, () => {
  let browser: Browser;
  let gallery: Gallery;

  beforeAll(async () => {
    browser = await launch();
    gallery = await openGallery(browser);
  });

  afterAll(() => ended(browser, gallery));

  async function everyState(
    frame: Frame,
    look: (found: (where: string, wrongs: readonly string[]) => void) => Promise<void>,
  ) {
    const findings = new Findings();
    for (const state of gallery.states) {
      try {
        await frame.open(state);
        await look((where, wrongs) => findings.add(`${state} ${where}`, wrongs));
      } catch (error) {
        findings.add(state, [String(error)]);
      }
      findings.add(state, frame.takeWrongs());
    }
    return findings.lines();
  }

  test.concurrent("on a desktop, and enlarged to 200 %", async () => {
    const frame = await openFrame(browser, gallery, { width: 1440, height: 900, isPhone: false });
    const wrong = await everyState(frame, async (found) => {
      await frame.dress("light", "en");
      found("1440 light en", [...(await faults(frame.page)), ...(await misfits(frame.page, MOUSE))]);
      await frame.dress("dark", "en");
      found("1440 dark en", await faults(frame.page, "colours"));
      await frame.dress("dark", "zh");
      found("1440 dark zh", [...(await faults(frame.page)), ...(await misfits(frame.page, MOUSE))]);
      await frame.dress("light", "zh");
      found("1440 light zh", await faults(frame.page, "colours"));
      await frame.resize(640, 400);
      found("640x400 zh", await misfits(frame.page, MOUSE));
      await frame.dress("light", "en");
      found("640x400 en", await misfits(frame.page, MOUSE));
      await frame.resize(1440, 900);
    });
    expect(wrong).toEqual([]);
  });

  test.concurrent("on a phone, and on the smallest", async () => {
    const frame = await openFrame(browser, gallery, { width: 390, height: 844, isPhone: true });
    const wrong = await everyState(frame, async (found) => {
      await frame.dress("light", "zh");
      found("390 light zh", [...(await faults(frame.page)), ...(await misfits(frame.page, TOUCH))]);
      await frame.dress("dark", "zh");
      found("390 dark zh", await faults(frame.page, "colours"));
      await frame.dress("dark", "en");
      found("390 dark en", [...(await faults(frame.page)), ...(await misfits(frame.page, TOUCH))]);
      await frame.dress("light", "en");
      found("390 light en", await faults(frame.page, "colours"));
      await frame.resize(320, 568);
      found("320x568 en", await misfits(frame.page, TOUCH));
      await frame.dress("light", "zh");
      found("320x568 zh", await misfits(frame.page, TOUCH));
      await frame.resize(390, 844);
    });
    expect(wrong).toEqual([]);
  });
});
