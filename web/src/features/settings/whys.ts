/** Why a rule did not fire, as names that we have words for. */

import type { Why } from "../../protocol/api";

const KNOWN: readonly Why[] = [
  "fires",
  "is_off",
  "no_such_ai",
  "not_addressed",
  "no_word",
  "not_yet",
  "no_thread",
  "thread_is_quiet",
  "for_someone_else",
  "not_by_message",
  "may_not_ask",
  "not_by_ai",
  "too_far",
  "pair_spent",
  "rests",
  "too_often",
  "other_rule",
  "stopped",
  "steered",
  "not_known",
];

export function whyName(why: unknown): Why {
  return KNOWN.find((one) => one === why) ?? "not_known";
}
