/** Standing rules: a class of calls that runs without being asked about, until a time. */

import type { StandingRule, ToolClass } from "../../protocol/wire";

/** The classes for which there can be one. */
export const STANDING_FOR: readonly ToolClass[] = ["write", "sensitive_write", "terminal", "extended", "network"];

const HOUR_S = 3_600;
export const SPANS = {
  hour: HOUR_S,
  shift: 8 * HOUR_S,
  day: 24 * HOUR_S,
  week: 7 * 24 * HOUR_S,
  month: 30 * 24 * HOUR_S,
};
export type Span = keyof typeof SPANS;
export const SPAN_NAMES: readonly Span[] = ["hour", "shift", "day", "week", "month"];

/** A little before the longest, which the server takes to the second of its own clock. */
const SPARE_S = 60;

export function standingUntil(span: Span, nowMs: number): string {
  const seconds = span === "month" ? SPANS.month - SPARE_S : SPANS[span];
  return new Date(nowMs + seconds * 1000).toISOString();
}

/** One rule a class: a new one takes the place of the one that was there. Those that have ended go. */
export function withStanding(
  rules: readonly StandingRule[],
  toolClass: ToolClass,
  until: string,
  nowMs: number,
): readonly StandingRule[] {
  return [
    ...rules.filter((rule) => rule.tool_class !== toolClass && Date.parse(rule.until) > nowMs),
    { tool_class: toolClass, until },
  ];
}

export function withoutStanding(rules: readonly StandingRule[], toolClass: ToolClass): readonly StandingRule[] {
  return rules.filter((rule) => rule.tool_class !== toolClass);
}
