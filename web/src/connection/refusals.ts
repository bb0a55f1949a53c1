/** What a failed request means: the server's own refusal where it gave one, else that it is away or broken. */

import type { Problem } from "../protocol/api";
import type { RefusalCode } from "../protocol/wire";
import { Refused } from "./types";

const CODES: Readonly<Record<RefusalCode, true>> = {
  malformed: true,
  unauthenticated: true,
  forbidden: true,
  not_found: true,
  too_long: true,
  too_big: true,
  key_reused: true,
  conflict: true,
  no_change: true,
  rate_limited: true,
  busy: true,
  limit_reached: true,
  banned: true,
  last_owner: true,
  archived: true,
  unavailable: true,
  unknown: true,
  expired: true,
};

/** Every code by which the server refuses. */
export const refusalCodes: readonly string[] = Object.keys(CODES);

/** Refusals after which the same command with the same key may well be accepted. */
const PASSING: ReadonlySet<string> = new Set<RefusalCode>(["unknown", "busy", "unavailable"]);

export const isPassing = (refused: Refused): boolean => PASSING.has(refused.code);

/** In milliseconds, what the server asked to wait. */
export const askedMs = (refused: Refused): number => (refused.retryAfterS ?? 0) * 1000;

export function offline(): Refused {
  return new Refused("offline", "The server cannot be reached.");
}

/** `text` is the body of an answer that is no success. */
export function refusalOf(status: number, text: string, retryAfter: string | null): Refused {
  const waitS = retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const problem = problemIn(text);
  if (problem !== undefined && isCode(problem.code)) {
    return new Refused(problem.code, problem.detail, problem.retry_after_s ?? waitS, status);
  }
  const said = problem?.detail ?? "";
  if (status === 401) return new Refused("unauthenticated", said || "You are not signed in.", waitS, status);
  if (status === 413) return new Refused("too_big", said || "This is too big for the server.", waitS, status);
  if (status === 429) return new Refused("rate_limited", said || "Too many requests at once.", waitS, status);
  // What stands between may answer in the server's place while it is away.
  if (status >= 500)
    return new Refused("broken", said || `The server answered with an error (${status}).`, waitS, status);
  return new Refused("malformed", said || `The server did not take the request (${status}).`, waitS, status);
}

function isCode(code: string): code is RefusalCode {
  return Object.hasOwn(CODES, code);
}

function problemIn(text: string): Pick<Problem, "code" | "detail" | "retry_after_s"> | undefined {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof said !== "object" || said === null || !("code" in said) || !("detail" in said)) return undefined;
  const { code, detail } = said;
  if (typeof code !== "string" || typeof detail !== "string") return undefined;
  const wait = "retry_after_s" in said && typeof said.retry_after_s === "number" ? said.retry_after_s : undefined;
  return { code, detail, ...(wait === undefined ? {} : { retry_after_s: wait }) };
}
