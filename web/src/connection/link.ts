/** One connection to the server, whatever carries it: lines come, lines go, until it is lost. */

import type { parseLine } from "../protocol/lines";
import type { Command, Join, Leave, Ping, Renew } from "../protocol/wire";

/** A line of the server that could be read, or an event of a kind that is not known here. */
export type Incoming = NonNullable<ReturnType<typeof parseLine>>;
export type Outgoing = Command | Join | Leave | Ping | Renew;

export interface Lost {
  readonly reason: string;
  /** A close code. */
  readonly code?: number;
  /** When the server wants to be asked again. */
  readonly retryAfterMs?: number;
  /** HTTP itself refused the sign-in: another ticket will not help. */
  readonly isSignedOut?: boolean;
  /** Nothing is wrong, but it has to be opened anew. */
  readonly isStale?: boolean;
}

export interface Hears {
  /** The lines of one frame. */
  onFrame(lines: readonly Incoming[]): void;
  /** Something came that says nothing but that the server is there. */
  onSign(): void;
  /** Once; nothing comes after it. Not told after `close`. */
  onLost(lost: Lost): void;
}

export interface Link {
  /** What is sent after it was lost goes nowhere. */
  send(line: Outgoing): void;
  close(): void;
}
