/** One try to be connected, and what its end means for the next. */

import { CLOSE, type Closing } from "../protocol/wire";
import type { Way } from "./carrier";
import type { Link, Lost } from "./link";
import type { ConnectionStatus } from "./types";

export type EndReason = Extract<ConnectionStatus, { kind: "ended" }>["reason"];

/** From the dialling to the end. */
export interface Try {
  readonly way: Way;
  readonly stop: AbortController;
  link: Link | undefined;
  isUp: boolean;
  upAt: number;
  wasHeard: boolean;
  missed: number;
  closing: Closing | undefined;
  drainingMs: number | undefined;
  timers: ReturnType<typeof setTimeout>[];
}

export function newTry(way: Way): Try {
  return {
    way,
    stop: new AbortController(),
    link: undefined,
    isUp: false,
    upAt: 0,
    wasHeard: true,
    missed: 0,
    closing: undefined,
    drainingMs: undefined,
    timers: [],
  };
}

/** Why it is over for good; undefined: it is worth another try. Whether a sign-in still holds says the next ticket. */
export function endOf(lost: Lost, code: number | undefined): EndReason | undefined {
  if (lost.isSignedOut === true) return "unauthenticated";
  if (code === CLOSE.disabled) return "disabled";
  return code === CLOSE.too_many ? "too_many" : undefined;
}
