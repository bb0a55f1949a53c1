/** A person who has a keyboard alone: goes to things by Tab, and can always see where they are. */

import type { Locator, Page } from "playwright-core";
import { expect } from "vitest";

const MOST_STEPS = 60;
const STEP_MS = 500;

export function hasFocus(place: Locator): Promise<boolean> {
  return place.evaluate((one) => one === document.activeElement);
}

export class Keys {
  constructor(readonly page: Page) {}

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async type(words: string): Promise<void> {
    await this.page.keyboard.type(words);
  }

  /** Presses `key` until it has the focus; wherever that takes it in the page, the focus is seen. */
  async to(target: Locator, key = "Tab"): Promise<void> {
    await target.first().waitFor();
    const way: string[] = [];
    for (let step = 0; step < MOST_STEPS; step++) {
      if (await this.isAt(target)) return;
      await this.step(key);
      const at = await this.at();
      way.push(at);
      // After the last thing of the page Tab goes to the browser's own.
      if (at !== "body") await this.isSeen();
    }
    throw new Error(`${key} does not lead to ${target}, but to ${[...new Set(way)].join(", ")}`);
  }

  /** Presses the key and waits for where it leads: a row takes the focus with the next frame. Not every key moves it. */
  private async step(key: string): Promise<void> {
    const before = await this.page.evaluateHandle(() => document.activeElement);
    await this.press(key);
    await this.page
      .waitForFunction((was) => document.activeElement !== was, before, { timeout: STEP_MS })
      .catch(() => undefined);
    await before.dispose();
  }

  async isAt(target: Locator): Promise<boolean> {
    const found = await target.all();
    for (const one of found) {
      if (await hasFocus(one).catch(() => false)) return true;
    }
    return false;
  }

  /** It comes there by itself: a field that takes the focus when it is opened. */
  async arrives(target: Locator): Promise<void> {
    await expect.poll(() => this.isAt(target), { message: `focus at ${target}`, timeout: 10_000 }).toBe(true);
  }

  /** What has the focus, in words for a message. */
  at(): Promise<string> {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      if (at === null || at === document.body) return "body";
      return `${at.tagName.toLowerCase()} "${at.getAttribute("aria-label") ?? at.textContent?.trim().slice(0, 40) ?? ""}"`;
    });
  }

  /** Something has the focus, and shows that it has. */
  async isSeen(): Promise<void> {
    await expect.poll(() => this.unseen(), { timeout: 3_000 }).toBe("");
  }

  private unseen(): Promise<string> {
    return this.page.evaluate(() => {
      const isPlain = (colour: string) => colour === "rgba(0, 0, 0, 0)";
      const at = document.activeElement;
      if (!(at instanceof HTMLElement) || at === document.body) return "nothing has the focus";
      const style = getComputedStyle(at);
      const isRinged = style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0;
      // A window that has just opened is seen as a whole.
      if (at.matches("[role=dialog]")) return "";
      if (at.matches("[role=separator]"))
        return isPlain(getComputedStyle(at, "::after").backgroundColor) ? "no line" : "";
      // The one field of the palette has its caret.
      if (at.matches("[role=dialog] input[role=combobox]")) return "";
      // A browser shows itself which part of a date has the focus.
      if (at instanceof HTMLInputElement && at.type === "date") return "";
      // A field within a frame shows it by the frame.
      const frame = at.parentElement?.parentElement;
      const frames = [at.parentElement, frame, frame?.parentElement];
      const isFramed = frames.some((one) => {
        const ring = one ? getComputedStyle(one).getPropertyValue("--tw-ring-shadow") : "";
        return ring !== "" && ring !== "0 0 #0000";
      });
      return isRinged || isFramed ? "" : `no ring at ${at.tagName} ${at.getAttribute("aria-label") ?? at.className}`;
    });
  }

  /** The window closes by Escape, and whoever opened it is where they were. */
  async closes(window: Locator, from: Locator): Promise<void> {
    await window.waitFor();
    await this.press("Escape");
    await window.waitFor({ state: "hidden" });
    await this.arrives(from);
  }
}
