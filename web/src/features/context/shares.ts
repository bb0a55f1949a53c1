/** Of what parts a prompt is made, as shares of its budget. */

import type { Share } from "../../protocol/api";

export const PARTS = ["rules", "tools", "room", "summary", "messages", "results"] as const;
export type Part = (typeof PARTS)[number];

export interface PartShare {
  readonly part: Part;
  readonly tokens: number;
  /** Of the whole budget, between 0 and 1. */
  readonly share: number;
}

/** Parts that hold something, in the order of the prompt. More than the budget is drawn as the whole of it. */
export function partsOf(share: Share, budgetTokens: number): readonly PartShare[] {
  const whole = Math.max(
    budgetTokens,
    PARTS.reduce((sum, part) => sum + (share[part] ?? 0), 0),
    1,
  );
  return PARTS.map((part) => ({ part, tokens: share[part] ?? 0, share: (share[part] ?? 0) / whole })).filter(
    (one) => one.tokens > 0,
  );
}
