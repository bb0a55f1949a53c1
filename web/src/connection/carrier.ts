/** Which way leads to the server: a WebSocket, or server-sent events where one does not get through. */

import { type MakeSocket, socketOpens } from "./socket";

/** So often a socket may fail while HTTP works, before it is taken for blocked. */
const FAILURES = 2;
/** So long a way that was blocked is not tried again. */
export const BLOCKED_MS = 10 * 60_000;

export type Way = "socket" | "stream";

export class Carrier {
  private failures = 0;
  private blockedAt: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly make: MakeSocket | undefined,
    private readonly now: () => number,
  ) {}

  /** The way of the next connection. */
  next(): { readonly way: "socket"; readonly make: MakeSocket } | { readonly way: "stream" } {
    if (this.make === undefined) return { way: "stream" };
    if (this.blockedAt !== undefined && this.now() - this.blockedAt >= BLOCKED_MS) this.giveAnotherTry();
    return this.blockedAt === undefined ? { way: "socket", make: this.make } : { way: "stream" };
  }

  gotThrough(way: Way): void {
    if (way === "socket") this.failures = 0;
  }

  /** A socket ended before the server said a word over it, while HTTP worked. */
  failed(): void {
    this.failures += 1;
    if (this.failures >= FAILURES) this.blockedAt = this.now();
  }

  /** While a stream is open: `opens` is called if sockets get through again. */
  watch(opens: () => void): void {
    this.rest();
    const make = this.make;
    if (make === undefined) return;
    this.timer = setTimeout(async () => {
      const watched = this.timer;
      const works = await socketOpens(make);
      if (this.timer !== watched) return;
      if (works) {
        this.giveAnotherTry();
        opens();
      } else this.watch(opens);
    }, BLOCKED_MS);
  }

  rest(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** One failure suffices now. */
  private giveAnotherTry(): void {
    this.blockedAt = undefined;
    this.failures = FAILURES - 1;
  }
}
