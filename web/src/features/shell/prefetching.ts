/** When nothing else is to be done, what may be opened next is fetched, so that it opens at once, and without a network too. */

import { prefetchAll } from "../../ui/parts";

/** The first view, with what its own requests bring, goes before. */
const FIRST_MS = 2_000;
const IDLE_MS = 5_000;

function isSparing(): boolean {
  const connection = "connection" in navigator ? navigator.connection : undefined;
  return (
    typeof connection === "object" && connection !== null && "saveData" in connection && connection.saveData === true
  );
}

function idle(): Promise<void> {
  // Safari has no such callback.
  if (typeof window.requestIdleCallback !== "function") return new Promise((go) => window.setTimeout(go, 200));
  return new Promise((go) => window.requestIdleCallback(() => go(), { timeout: IDLE_MS }));
}

/** Answers with what ends it. */
export function prefetchWhenIdle(): () => void {
  let isOver = isSparing();
  const timer = window.setTimeout(() => {
    void prefetchAll(async () => {
      await idle();
      return !isOver && navigator.onLine;
    });
  }, FIRST_MS);
  return () => {
    isOver = true;
    window.clearTimeout(timer);
  };
}
