/** What an invite link comes to: its address, which computers can open it, and how long it still counts. */

import { i18n } from "../../ui/i18n";

/** The code stands behind the #, where no server is told it. */
export function linkOf(origin: string, code: string): string {
  return `${origin}/join#${code}`;
}

/** At this name every computer finds itself. */
export function isLoopback(hostname: string): boolean {
  return /^(?:.*\.)?localhost\.?$|^127(?:\.\d{1,3}){3}$|^\[?::1\]?$|^0\.0\.0\.0$/i.test(hostname);
}

const UNITS = [
  ["minute", 60, 60],
  ["hour", 3_600, 24],
  ["day", 86_400, 365],
  ["year", 31_536_000, Number.POSITIVE_INFINITY],
] as const;

/** In 7 days: to the nearest, since a link for seven days was made a moment ago. */
export function timeLeft(until: string, now: number): string {
  const seconds = Math.max(60, (Date.parse(until) - now) / 1000);
  const [unit, length] = UNITS.find(([, size, most]) => Math.round(seconds / size) < most) ?? UNITS[0];
  const words = new Intl.RelativeTimeFormat(i18n.resolvedLanguage ?? "en", { numeric: "always" });
  return words.format(Math.round(seconds / length), unit);
}
