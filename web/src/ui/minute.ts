/** One tick a minute for all that says how long ago something was; none while nobody can see it. */

import { useSyncExternalStore } from "react";

const MINUTE_MS = 60_000;

const views = new Set<() => void>();
let ticks = 0;
let timer: number | undefined;

function tick(): void {
  ticks += 1;
  for (const changed of [...views]) changed();
}

function wait(): void {
  window.clearInterval(timer);
  timer = views.size === 0 || document.hidden ? undefined : window.setInterval(tick, MINUTE_MS);
}

/** What was painted before the page was hidden is old when it is seen again. */
function turned(): void {
  if (!document.hidden) tick();
  wait();
}

function subscribe(changed: () => void): () => void {
  views.add(changed);
  if (views.size === 1) {
    document.addEventListener("visibilitychange", turned);
    wait();
  }
  return () => {
    views.delete(changed);
    if (views.size > 0) return;
    document.removeEventListener("visibilitychange", turned);
    wait();
  };
}

const nothing = () => () => {};

/** Paints the view anew each minute, as long as `isOn`. */
export function useMinute(isOn = true): void {
  useSyncExternalStore(isOn ? subscribe : nothing, () => ticks);
}
