/** Messages of this account on their way: kept before they are sent, sent in order and once, whatever breaks. */

import type { Accepted, PostMessage } from "../protocol/wire";
import { Changing, type Readable } from "../room/readable";
import type { Pending, RoomState } from "../room/state";
import { Backoff } from "./backoff";
import { Keeping, type Kept, type Store } from "./keeping";
import { makeKey } from "./keys";
import type { Locks } from "./locks";
import { commandOf, waitAfter } from "./sending";
import { Refused } from "./types";

export interface OutboxParts {
  readonly accountId: string;
  readonly store: Store;
  readonly locks: Locks;
  readonly now: () => number;
  readonly random: () => number;
  /** One try. Rejects with `Refused`, or with anything else where the connection broke. */
  readonly send: (message: PostMessage) => Promise<Accepted>;
  /** undefined: the room is not open, and shows nothing. */
  readonly stateOf: (roomId: string) => RoomState | undefined;
  readonly onSent: (sent: Pending) => void;
}

const NONE: readonly Pending[] = [];
const WAITING = { state: "waiting", reason: undefined, code: undefined, retryAt: undefined } as const;

export class Outbox {
  private items: readonly Pending[] = NONE;
  /** Those that the server has, and where: shown until the room shows them itself. */
  private readonly committed = new Map<string, number>();
  /** Of those that are being sent, where their room was then. */
  private readonly sentFrom = new Map<string, number>();
  private readonly rooms = new Map<string, Changing<readonly Pending[]>>();
  private readonly lanes = new Set<string>();
  private readonly keeping: Keeping;
  private readonly stop = new AbortController();
  private wakes = new Set<() => void>();
  private isUp = false;
  private isAsking = false;
  /** Set while this page is the one that sends; ends that. */
  private letGo: (() => void) | undefined;

  constructor(private readonly parts: OutboxParts) {
    this.keeping = new Keeping(parts.store, parts.locks, parts.accountId);
  }

  /** Reads what was kept before this page. */
  async load(): Promise<void> {
    this.merge(await this.keeping.read());
    void this.pump();
  }

  pending(roomId: string): Readable<readonly Pending[]> {
    return this.room(roomId);
  }

  post(roomId: string, text: string, replyTo: string | undefined, attachments: readonly string[]): void {
    const at = new Date(this.parts.now()).toISOString();
    const item: Pending = {
      key: makeKey(),
      roomId,
      text,
      replyTo,
      attachments,
      at,
      state: "waiting",
      reason: undefined,
    };
    this.show([...this.items, item]);
    this.keeping.put(item);
    void this.pump();
  }

  retry(key: string): void {
    const item = this.find(key);
    if (item?.state !== "refused") return;
    this.show(this.items.map((one) => (one.key === key ? { ...one, ...WAITING } : one)));
    this.keeping.put({ ...item, ...WAITING });
    void this.pump();
  }

  /** What is on its way cannot be taken back. */
  discard(key: string): void {
    const item = this.find(key);
    if (item === undefined || item.state === "sending" || this.committed.has(key)) return;
    this.show(this.items.filter((one) => one.key !== key));
    this.keeping.remove(key);
  }

  /** The room shows more than before. */
  moved(roomId: string): void {
    const here = this.items.filter((one) => one.roomId === roomId);
    if (here.length === 0) return;
    const seen = here.filter((one) => this.hasSeen(roomId, this.committed.get(one.key)));
    for (const one of seen) this.committed.delete(one.key);
    this.show(this.items.filter((one) => !seen.includes(one)));
  }

  wentUp(): void {
    this.isUp = true;
    void this.pump();
  }

  wentDown(): void {
    this.isUp = false;
    this.wake();
  }

  close(): void {
    this.wentDown();
    this.stop.abort();
  }

  private async pump(): Promise<void> {
    if (!this.isUp || !this.items.some((one) => this.isToSend(one))) return;
    if (this.letGo !== undefined) return this.startLanes();
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      await this.parts.locks(`multiplayer-sends-${this.parts.accountId}`, () => this.sendAll(), this.stop.signal);
    } catch {
      // Closed while another page was sending.
    } finally {
      this.isAsking = false;
    }
  }

  /** Until nothing is left that could be sent now. */
  private async sendAll(): Promise<void> {
    this.isAsking = false;
    // Another page may have sent some meanwhile.
    this.merge(await this.keeping.read());
    await new Promise<void>((resolve) => {
      this.letGo = resolve;
      this.startLanes();
      this.endIfIdle();
    });
  }

  private endIfIdle(): void {
    if (this.lanes.size > 0) return;
    this.letGo?.();
    this.letGo = undefined;
  }

  private startLanes(): void {
    if (!this.isUp) return;
    for (const { roomId } of this.items.filter((one) => this.isToSend(one))) {
      if (this.lanes.has(roomId)) continue;
      this.lanes.add(roomId);
      void this.runLane(roomId).finally(() => {
        this.lanes.delete(roomId);
        this.endIfIdle();
        // What was written in the moment between.
        void this.pump();
      });
    }
  }

  /** One after another, so that they come in the order in which they were written. */
  private async runLane(roomId: string): Promise<void> {
    const backoff = new Backoff(this.parts.random);
    while (this.isUp) {
      const next = this.items.find((one) => one.roomId === roomId && this.isToSend(one));
      if (next === undefined) return;
      await this.keeping.kept(next.key);
      if (!this.isUp || this.find(next.key)?.state !== "waiting") continue;
      if (!this.sentFrom.has(next.key)) this.sentFrom.set(next.key, this.parts.stateOf(roomId)?.seq ?? 0);
      this.change(next.key, { state: "sending", retryAt: undefined });
      try {
        const accepted = await this.parts.send(commandOf(next));
        backoff.reset();
        this.accepted(next, accepted);
      } catch (error) {
        const waitMs = waitAfter(error, backoff);
        if (waitMs === undefined) {
          this.refused(next, error);
          continue;
        }
        const isLimited = error instanceof Refused && error.code === "rate_limited";
        this.change(next.key, { state: "waiting", retryAt: isLimited ? this.parts.now() + waitMs : undefined });
        if (this.isUp) await this.pause(waitMs);
      }
    }
  }

  private accepted(item: Pending, accepted: Accepted): void {
    this.sentFrom.delete(item.key);
    this.keeping.remove(item.key);
    this.parts.onSent(item);
    if (this.hasSeen(item.roomId, accepted.seq ?? 0)) {
      this.show(this.items.filter((one) => one.key !== item.key));
    } else this.committed.set(item.key, accepted.seq ?? 0);
  }

  private refused(item: Pending, refused: unknown): void {
    if (!(refused instanceof Refused)) return;
    this.sentFrom.delete(item.key);
    // A key that stands for something else would be refused for ever.
    const key = refused.code === "key_reused" ? makeKey() : item.key;
    const changed: Pending = { ...item, key, state: "refused", reason: refused.message, code: refused.code };
    this.show(this.items.map((one) => (one.key === item.key ? changed : one)));
    if (key !== item.key) this.keeping.remove(item.key);
    this.keeping.put(changed);
  }

  private pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.wakes.delete(done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.wakes.add(done);
    });
  }

  private wake(): void {
    for (const done of [...this.wakes]) done();
  }

  /** Takes over what is kept: in its order, then what only this page knows yet. */
  private merge(kept: Kept): void {
    const mine = new Map(this.items.map((one) => [one.key, one]));
    const merged: Pending[] = [];
    for (const one of kept.items) {
      const known = mine.get(one.key);
      if (known?.state === "sending" || this.committed.has(one.key)) continue;
      merged.push(one);
    }
    const order = new Set(merged.map((one) => one.key));
    const others = this.items.filter(
      (one) => !order.has(one.key) && (one.state === "sending" || this.committed.has(one.key) || !kept.knew(one.key)),
    );
    const first = others.filter((one) => one.state === "sending" || this.committed.has(one.key));
    const last = others.filter((one) => !first.includes(one));
    this.show([...first, ...merged, ...last]);
  }

  private hasSeen(roomId: string, seq: number | undefined): boolean {
    if (seq === undefined) return false;
    const state = this.parts.stateOf(roomId);
    return state === undefined || state.seq >= seq;
  }

  /** The room shows it already, though the answer is still on its way: by POST the two come by different ways. */
  private isShadowed(item: Pending): boolean {
    const from = this.sentFrom.get(item.key);
    if (from === undefined) return false;
    const messages = this.parts.stateOf(item.roomId)?.messages ?? [];
    for (let place = messages.length - 1; place >= 0; place--) {
      const message = messages[place];
      if (message === undefined || message.seq <= from) return false;
      if (message.author_id === this.parts.accountId && message.text === item.text) return true;
    }
    return false;
  }

  private isToSend(item: Pending): boolean {
    return item.state === "waiting" && !this.committed.has(item.key);
  }

  private find(key: string): Pending | undefined {
    return this.items.find((one) => one.key === key);
  }

  private change(key: string, changes: Partial<Pending>): void {
    this.show(this.items.map((one) => (one.key === key ? { ...one, ...changes } : one)));
  }

  private show(items: readonly Pending[]): void {
    this.items = items;
    for (const roomId of new Set(items.map((one) => one.roomId))) this.room(roomId);
    for (const [roomId, shown] of this.rooms) {
      const now = items.filter((one) => one.roomId === roomId && !this.isShadowed(one));
      const was = shown.get();
      if (now.length !== was.length || now.some((one, place) => one !== was[place])) {
        shown.set(now.length === 0 ? NONE : now);
      }
    }
  }

  private room(roomId: string): Changing<readonly Pending[]> {
    let shown = this.rooms.get(roomId);
    if (shown === undefined) {
      shown = new Changing(NONE);
      this.rooms.set(roomId, shown);
    }
    return shown;
  }
}
