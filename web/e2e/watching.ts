/** What a reader's eyes would see of a list from frame to frame: how far its end is, and whether what is read moves. */

import type { Page } from "playwright-core";

export interface Watched {
  /** Painted frames that were looked at. */
  readonly frames: number;
  /** The farthest that the end was away, in px. */
  readonly gap: number;
  /** How far the watched row went from where it was, in px. */
  readonly moved: number;
  /** Whether the button that leads to the end was there. */
  readonly hasPill: boolean;
  /** Whether in some frame nothing in the list could have been pressed. */
  readonly isDead: boolean;
}

interface Watch {
  frames: number;
  gap: number;
  moved: number;
  hasPill: boolean;
  isDead: boolean;
  isOver: boolean;
}

/** Looks after each painting until `act` is done, and a moment longer. `words`: of the row that must not move. */
export async function watched(page: Page, act: () => Promise<unknown>, words = ""): Promise<Watched> {
  await page.evaluate((sought) => {
    const log = document.querySelector("[role=log]");
    if (log === null) throw new Error("there is no list");
    const row = () =>
      sought === "" ? undefined : [...log.querySelectorAll("article")].find((one) => one.textContent?.includes(sought));
    if (sought !== "" && row() === undefined) throw new Error(`no row says ${sought}`);
    let first: number | undefined;
    const watch: Watch = { frames: 0, gap: 0, moved: 0, hasPill: false, isDead: false, isOver: false };
    const look = (entries: readonly IntersectionObserverEntry[]) => {
      watch.frames += 1;
      watch.isDead ||=
        log.firstElementChild !== null && getComputedStyle(log.firstElementChild).pointerEvents === "none";
      for (const { target, boundingClientRect: at, rootBounds: box } of entries) {
        if (target === log.firstElementChild) watch.gap = Math.max(watch.gap, at.bottom - (box?.bottom ?? 0));
        else {
          first ??= at.top;
          watch.moved = Math.max(watch.moved, Math.abs(at.top - first));
        }
      }
      if ([...document.querySelectorAll("button")].some((one) => one.textContent?.startsWith("Jump to latest"))) {
        watch.hasPill = true;
      }
    };
    const frame = () => {
      // What an observer is told first is how things lie in the frame that is about to be painted, all laid out.
      const observer = new IntersectionObserver(
        (entries) => {
          observer.disconnect();
          look(entries);
        },
        { root: log },
      );
      const seen = row();
      if (seen !== undefined) observer.observe(seen);
      else if (sought !== "") watch.moved = 9999;
      if (log.firstElementChild !== null) observer.observe(log.firstElementChild);
      if (!watch.isOver) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    Object.assign(window, { watch });
  }, words);
  await act();
  return page.evaluate(async () => {
    await new Promise((done) => setTimeout(done, 300));
    const { watch } = window as unknown as { watch: Watch };
    const { isOver: _, ...seen } = Object.assign(watch, { isOver: true });
    return seen;
  });
}

/** Posts messages as whoever is signed in there, faster than a hand. */
export async function postMany(page: Page, texts: readonly string[]): Promise<void> {
  await page.evaluate(async (said) => {
    const me = (await (await fetch("/api/v1/me")).json()) as { csrf_token: string };
    const room = /\/r(?:ooms)?\/([^/?]+)/.exec(location.pathname)?.[1] ?? "";
    for (const text of said) {
      const answer = await fetch(`/api/v1/rooms/${room}/commands`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": me.csrf_token },
        body: JSON.stringify({ type: "post_message", key: crypto.randomUUID().replaceAll("-", ""), text }),
      });
      if (!answer.ok) throw new Error(await answer.text());
    }
  }, texts);
}
