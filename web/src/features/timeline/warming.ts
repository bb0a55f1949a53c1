/** What the first row costs more than any other is done while its room is still on its way: a piece at a time. */

import { useEffect } from "react";
import { formatDateTime, formatDay, formatTime } from "../../ui/i18n/format";
import { read } from "./markdown/reading";

const now = () => new Date().toISOString();

/** The browser fetches its tables of dates for the first of each kind, and compiles what reads Markdown. */
const pieces: readonly (() => unknown)[] = [
  () => formatTime(now()),
  () => formatDateTime(now()),
  () => formatDay(now()),
  () => read("**a** `b` @c", false, {}),
  () => read("- a\n- [b](https://example.org)", false, {}),
];
let done = 0;

export function useWarming(): void {
  useEffect(() => {
    let timer: number | undefined;
    const go = () => {
      const piece = pieces[done];
      if (piece === undefined) return;
      done += 1;
      piece();
      timer = window.setTimeout(go);
    };
    timer = window.setTimeout(go);
    return () => window.clearTimeout(timer);
  }, []);
}
