/** Times, numbers and money as the reader's language writes them. */

import i18next from "i18next";

const made = new Map<string, unknown>();

/** Making a formatter is slow, using one is not. */
function held<T>(kind: string, make: (language: string) => T): T {
  const language = i18next.resolvedLanguage ?? "en";
  const key = `${language} ${kind}`;
  const found = made.get(key);
  // The key says the kind, and each kind is made in one place.
  if (found !== undefined) return found as T;
  const formatter = make(language);
  made.set(key, formatter);
  return formatter;
}

const dates = (kind: string, options: Intl.DateTimeFormatOptions) =>
  held(kind, (language) => new Intl.DateTimeFormat(language, options));

/** 14:02 */
export function formatTime(at: string): string {
  return dates("time", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(at));
}

/** Sunday, November 22, 2026, 14:02:31 */
export function formatDateTime(at: string): string {
  return dates("full", { dateStyle: "full", timeStyle: "medium", hourCycle: "h23" }).format(new Date(at));
}

/** Nov 22, 14:02:31; with the year if it is another one. */
export function formatMoment(at: string, now: number = Date.now()): string {
  const date = new Date(at);
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
  return date.getFullYear() === new Date(now).getFullYear()
    ? dates("moment", { month: "short", day: "numeric", ...time }).format(date)
    : dates("moment of a year", { year: "numeric", month: "short", day: "numeric", ...time }).format(date);
}

const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** Today, Yesterday, Friday, November 20; with the year if it is another one. */
export function formatDay(at: string, now: number = Date.now()): string {
  const date = new Date(at);
  const today = new Date(now);
  const days = Math.round((midnight(today) - midnight(date)) / 86_400_000);
  if (days === 0 || days === 1) {
    const words = held("days", (language) => new Intl.RelativeTimeFormat(language, { numeric: "auto" }));
    return capitalised(words.format(-days, "day"));
  }
  const isThisYear = date.getFullYear() === today.getFullYear();
  return isThisYear
    ? dates("day", { weekday: "long", month: "long", day: "numeric" }).format(date)
    : dates("day of a year", { year: "numeric", month: "long", day: "numeric" }).format(date);
}

const capitalised = (text: string) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

/** Nov 20 */
export function formatDate(at: string): string {
  return dates("date", { year: "numeric", month: "short", day: "numeric" }).format(new Date(at));
}

const spans: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** 3 minutes ago, in 2 hours, now. */
export function formatRelative(at: string, now: number = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const words = held("relative", (language) => new Intl.RelativeTimeFormat(language, { numeric: "auto" }));
  for (const [unit, length] of spans) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return words.format(0, "second");
}

/** 4.1 s, 3 min 20 s, 2 h 5 min. */
export function formatDuration(seconds: number): string {
  const part = (value: number, unit: string, digits = 0) =>
    held(
      `${unit} ${digits}`,
      (language) =>
        new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits }),
    ).format(value);
  if (seconds < 10) return part(seconds, "second", 1);
  const whole = Math.round(seconds);
  if (whole < 60) return part(whole, "second");
  if (whole < 3600) {
    const rest = whole % 60;
    const minutes = part(Math.floor(whole / 60), "minute");
    return rest === 0 ? minutes : `${minutes} ${part(rest, "second")}`;
  }
  const rest = Math.floor((whole % 3600) / 60);
  const hours = part(Math.floor(whole / 3600), "hour");
  return rest === 0 ? hours : `${hours} ${part(rest, "minute")}`;
}

/** 9:41, as a clock that runs down. */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

export function formatNumber(value: number): string {
  return held("number", (language) => new Intl.NumberFormat(language)).format(value);
}

/** 12.3K, 1.2万: where only the size matters. */
export function formatCompact(value: number): string {
  return held(
    "compact",
    (language) => new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }),
  ).format(value);
}

/** 0.41 as 41%. */
export function formatPercent(share: number): string {
  return held(
    "percent",
    (language) => new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }),
  ).format(share);
}

const sizes = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** 1.4 MB; a thousand bytes are a kilobyte. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < sizes.length - 1) {
    value /= 1000;
    step += 1;
  }
  const unit = sizes[step] ?? "byte";
  const digits = step === 0 || value >= 100 ? 0 : 1;
  return held(
    `${unit} ${digits}`,
    (language) =>
      new Intl.NumberFormat(language, {
        style: "unit",
        unit,
        unitDisplay: step === 0 ? "long" : "short",
        maximumFractionDigits: digits,
      }),
  ).format(value);
}

/** Millionths of a currency: ¥1.84; less than a cent keeps the digits that say something. */
export function formatMoney(micros: number, currency: string): string {
  const value = micros / 1_000_000;
  const digits = value !== 0 && Math.abs(value) < 0.01 ? 4 : 2;
  return held(
    `money ${currency} ${digits}`,
    (language) =>
      new Intl.NumberFormat(language, {
        style: "currency",
        currency,
        currencyDisplay: "narrowSymbol",
        minimumFractionDigits: 2,
        maximumFractionDigits: digits,
      }),
  ).format(value);
}

/** Mei, Sam and Ada. */
export function formatList(items: readonly string[]): string {
  return held("list", (language) => new Intl.ListFormat(language, { type: "conjunction" })).format(items);
}
