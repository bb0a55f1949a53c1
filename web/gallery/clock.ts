/** The gallery's clock stands still: a picture taken tomorrow is the same. */

export const NOW = Date.UTC(2026, 10, 20, 14, 5, 0);

export function stopTheClock(): void {
  globalThis.Date = new Proxy(Date, {
    construct: (date, given) => Reflect.construct(date, given.length === 0 ? [NOW] : given),
    get: (date, name) => (name === "now" ? () => NOW : Reflect.get(date, name)),
  });
}

/** Minutes before now, as the protocol writes a time. */
export function ago(minutes: number, seconds = 0): string {
  return new Date(NOW - minutes * 60_000 - seconds * 1000).toISOString();
}

export const ahead = (minutes: number, seconds = 0): string => ago(-minutes, -seconds);
