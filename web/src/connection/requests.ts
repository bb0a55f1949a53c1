/** Commands and their answers: asked once, or again and again under the same key until they are answered. */

import type { Accepted, Command, RefusedLine } from "../protocol/wire";
import { Backoff } from "./backoff";
import { makeKey } from "./keys";
import { askedMs, isPassing, offline } from "./refusals";
import { type Asked, Refused } from "./types";

/** So long what was asked is asked again, before it is given up. */
const PATIENCE_MS = 30_000;

/** The connection broke before an answer came: it may be stored or not. */
export class LinkBroke extends Error {}

export interface RequestParts {
  /** False: there is no connection. */
  readonly send: (command: Command) => boolean;
  readonly now: () => number;
  readonly random: () => number;
  /** What a frame may have. */
  readonly frameBytes: () => number;
}

interface Asking {
  readonly resolve: (accepted: Accepted) => void;
  readonly reject: (reason: Error) => void;
}

export class Requests {
  private readonly asking = new Map<string, Asking>();
  private waitingForUp: (() => void)[] = [];
  private isUp = false;

  constructor(private readonly parts: RequestParts) {}

  /** One try. Rejects with `Refused`, or `LinkBroke`. */
  once(command: Command): Promise<Accepted> {
    const bytes = new TextEncoder().encode(JSON.stringify(command)).length;
    const most = this.parts.frameBytes();
    if (bytes > most)
      return Promise.reject(new Refused("too_big", `A message or command may have at most ${most} bytes.`));
    return new Promise((resolve, reject) => {
      this.asking.set(command.id, { resolve, reject });
      if (this.isUp && this.parts.send(command)) return;
      this.asking.delete(command.id);
      reject(new LinkBroke());
    });
  }

  /** Asks again over breaks and passing refusals. Rejects with `Refused`. */
  async patiently(roomId: string, asked: Asked): Promise<Accepted> {
    const isKeyed = asked.type !== "mark_read" && asked.type !== "set_typing";
    const key = isKeyed ? { key: makeKey() } : {};
    const until = this.parts.now() + PATIENCE_MS;
    const backoff = new Backoff(this.parts.random, 250, 3_000);
    for (;;) {
      const command: Command = { ...asked, ...key, room_id: roomId, id: makeKey() };
      try {
        await this.inTime(until, this.up());
        return await this.inTime(until, this.once(command));
      } catch (error) {
        this.asking.delete(command.id);
        if (error instanceof LinkBroke) continue;
        if (!(error instanceof Refused) || !isPassing(error)) throw error;
        const waitMs = backoff.nextMs(askedMs(error));
        if (this.parts.now() + waitMs >= until) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** An answer; false if nobody here asked. */
  take(line: Accepted | RefusedLine): boolean {
    const asking = line.re === undefined ? undefined : this.asking.get(line.re);
    if (asking === undefined || line.re === undefined) return false;
    this.asking.delete(line.re);
    if (line.type === "accepted") asking.resolve(line);
    else asking.reject(new Refused(line.code, line.message, line.retry_after_s));
    return true;
  }

  wentUp(): void {
    this.isUp = true;
    const waiting = this.waitingForUp;
    this.waitingForUp = [];
    for (const resume of waiting) resume();
  }

  wentDown(): void {
    this.isUp = false;
    const asking = [...this.asking.values()];
    this.asking.clear();
    for (const one of asking) one.reject(new LinkBroke());
  }

  private up(): Promise<void> {
    if (this.isUp) return Promise.resolve();
    return new Promise((resolve) => this.waitingForUp.push(resolve));
  }

  private inTime<T>(until: number, work: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(offline()), Math.max(0, until - this.parts.now()));
    });
    return Promise.race([work, late]).finally(() => clearTimeout(timer));
  }
}
