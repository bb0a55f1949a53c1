/** When nothing else is to be done, what may be opened next is fetched, so that it opens at once, and without a network too. */

import { whenIdle } from "../../ui/idle";
import { prefetchAll } from "../../ui/parts";

/** The first view, with what its own requests bring, goes before. */
const FIRST_MS = 2_000;

function isSparing(): boolean {
  const connection = "connection" in navigator ? navigator.connection : undefined;
  return (
    typeof connection === "object" && connection !== null && "saveData" in connection && connection.saveData === true
  );
}

/** Answers with what ends it. */
export function prefetchWhenIdle(): () => void {
  let isOver = isSparing();
  const timer = window.setTimeout(() => {
    void prefetchAll(async () => {
      await whenIdle();
      return !isOver && navigator.onLine;
    });
  }, FIRST_MS);
  return () => {
    isOver = true;
    window.clearTimeout(timer);
  };
}
