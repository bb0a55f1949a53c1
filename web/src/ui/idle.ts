/** A moment in which there is nothing else to do. */

const MOST_MS = 5_000;

export function whenIdle(): Promise<void> {
  // Safari has no such callback.
  if (typeof window.requestIdleCallback !== "function") return new Promise((go) => window.setTimeout(go, 200));
  return new Promise((go) => window.requestIdleCallback(() => go(), { timeout: MOST_MS }));
}
