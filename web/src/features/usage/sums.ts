/** What was used, added up and carried on: shares, names of caps, and a plain forecast. */

import type { CapState, UsageRow } from "../../protocol/api";

/** All tokens of a row: what went in and what came out. */
export function tokensOf(row: Pick<UsageRow, "tokens_in" | "tokens_out">): number {
  return row.tokens_in + row.tokens_out;
}

export type Measure = "money" | "tokens";

/** Money where a price is known of anything; else tokens. */
export function measureOf(total: Pick<UsageRow, "cost_micros" | "calls" | "unpriced_calls">): Measure {
  return total.cost_micros > 0 || (total.calls > 0 && total.unpriced_calls < total.calls) ? "money" : "tokens";
}

export function amountOf(row: UsageRow, measure: Measure): number {
  return measure === "money" ? row.cost_micros : tokensOf(row);
}

export interface RowShare {
  readonly row: UsageRow;
  /** Of all that was used, between 0 and 1. */
  readonly share: number;
}

/** The most first. */
export function sharesOf(rows: readonly UsageRow[], measure: Measure): readonly RowShare[] {
  const whole = rows.reduce((sum, row) => sum + amountOf(row, measure), 0);
  return [...rows]
    .sort((one, other) => amountOf(other, measure) - amountOf(one, measure))
    .map((row) => ({ row, share: whole === 0 ? 0 : amountOf(row, measure) / whole }));
}

export interface Forecast {
  /** How much of the month has gone by, between 0 and 1. */
  readonly elapsed: number;
  /** What the month would come to if it went on as it did. */
  readonly amount: number;
}

/** What was used so far, by the share of the month (UTC) that has gone by. In its first day nothing can be said. */
export function forecastOf(amount: number, now: Date): Forecast | undefined {
  const start = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
  const gone = now.getTime() - start;
  if (gone < 86_400_000 || amount === 0) return undefined;
  const elapsed = gone / (end - start);
  return { elapsed, amount: Math.round(amount / elapsed) };
}

/** How full a cap is; one of nothing is full. */
export function fullness(cap: Pick<CapState, "cap" | "used">): number {
  return cap.cap === 0 ? 1 : cap.used / cap.cap;
}

/** The month's days with what was used on each, also where nothing was. */
export function daysOf(
  rows: readonly UsageRow[],
  since: string,
  until: string,
): readonly { day: string; row: UsageRow | undefined }[] {
  const known = new Map(rows.map((row) => [row.key.slice(0, 10), row]));
  const days: { day: string; row: UsageRow | undefined }[] = [];
  const last = Date.parse(until);
  const first = new Date(since);
  let at = Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), first.getUTCDate());
  // A year at most: more could not be drawn.
  while (at < last && days.length < 366) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.push({ day, row: known.get(day) });
    at += 86_400_000;
  }
  return days;
}
