/** One room as views use it: what is in it, what is on its way to it, and what they ask of it. */

import type { Accepted, Account } from "../protocol/wire";
import type { Readable } from "../room/readable";
import type { Output, Pending, RoomState, Tail } from "../room/state";
import { withRead } from "../room/unread";
import { type FeedParts, RoomFeed } from "./feed";
import { History } from "./history";
import { makeKey } from "./keys";
import type { Outbox } from "./outbox";
import { ReadMarks } from "./readMarks";
import type { Requests } from "./requests";
import { type Asked, Refused, type Rest, type RoomClient } from "./types";
import { Typing } from "./typing";

export interface RoomParts extends Omit<FeedParts, "onSnapshot" | "onMoved" | "meId"> {
  readonly me: Account;
  readonly rest: Rest;
  readonly requests: Requests;
  readonly outbox: Outbox;
  readonly now: () => number;
  readonly onMoved: (room: OpenRoom, state: RoomState) => void;
}

export class OpenRoom implements RoomClient {
  readonly feed: RoomFeed;
  readonly pending: Readable<readonly Pending[]>;
  private readonly history: History;
  private readonly typing: Typing;
  private readonly marks: ReadMarks;

  constructor(
    readonly id: string,
    private readonly parts: RoomParts,
  ) {
    this.feed = new RoomFeed(id, {
      ...parts,
      meId: parts.me.id,
      onSnapshot: () => void this.history.span().catch(() => undefined),
      onMoved: (state) => parts.onMoved(this, state),
    });
    this.history = new History(parts.rest, this.feed);
    this.pending = parts.outbox.pending(id);
    this.typing = new Typing((isTyping) => {
      parts.send({ type: "set_typing", id: makeKey(), room_id: id, is_typing: isTyping });
    }, parts.now);
    this.marks = new ReadMarks((seq) => this.tellRead(seq));
  }

  get state(): Readable<RoomState | undefined> {
    return this.feed.state;
  }

  get refused(): Readable<Refused | undefined> {
    return this.feed.refused;
  }

  get listening(): Readable<ReadonlyMap<string, number>> {
    return this.feed.listening;
  }

  tail(turnId: string): Readable<Tail> {
    return this.feed.tails.tail(turnId);
  }

  output(callKey: string): Readable<Output> {
    return this.feed.tails.output(callKey);
  }

  jobOutput(jobId: string): Readable<Output> {
    return this.feed.tails.jobOutput(jobId);
  }

  post(text: string, more: { readonly replyTo?: string; readonly attachments?: readonly string[] } = {}): void {
    this.typing.sent();
    this.parts.outbox.post(this.id, text, more.replyTo, more.attachments ?? []);
  }

  retry(key: string): void {
    this.parts.outbox.retry(key);
  }

  discard(key: string): void {
    this.parts.outbox.discard(key);
  }

  ask(command: Asked): Promise<Accepted> {
    return this.parts.requests.patiently(this.id, command);
  }

  loadOlder(): Promise<void> {
    return this.history.older();
  }

  loadSince(seq: number): Promise<void> {
    return this.history.since(seq);
  }

  loadAround(messageId: string): Promise<boolean> {
    return this.history.around(messageId);
  }

  setTyping(isTyping: boolean): void {
    this.typing.set(isTyping);
  }

  markRead(seq: number): void {
    const state = this.feed.state.get();
    if (state === undefined || Math.min(seq, state.seq) <= state.read.seq) return;
    const read = withRead(state, seq, this.parts.me.id);
    this.feed.replace(read);
    this.parts.onMoved(this, read);
    this.marks.mark(read.read.seq);
  }

  wentUp(): void {
    this.marks.again();
  }

  wentDown(): void {
    this.feed.wentDown();
  }

  close(): void {
    this.typing.set(false);
    void this.marks.flush();
    this.marks.close();
    this.feed.close();
  }

  private async tellRead(seq: number): Promise<void> {
    try {
      await this.parts.requests.patiently(this.id, { type: "mark_read", seq });
    } catch (error) {
      // There is no use in telling again what is refused for good.
      if (error instanceof Refused && error.code !== "offline" && error.code !== "rate_limited") return;
      throw error;
    }
  }
}
