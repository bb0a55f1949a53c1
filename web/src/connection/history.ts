/** Loads what was before: messages as they stand now, and the log of their span, for what happened among them. */

import { isEvent, readLine, type UnknownEvent } from "../protocol/lines";
import type { Event, Message } from "../protocol/wire";
import { withHistory } from "../room/history";
import type { RoomState } from "../room/state";
import type { RoomFeed } from "./feed";
import { offline } from "./refusals";
import { Refused, type Rest } from "./types";

const PAGE = 50;
const LARGE_PAGE = 200;
/** So many pages back, and a message is too far away to be gone to. */
const MOST_PAGES = 100;
const EVENTS = 500;
/** Of a span in which more happened, the last is shown beside all its messages. */
const EVENT_PAGES = 10;

/** Pages as they come over the wire, where the types of the API leave out what may be default. */
interface MessagesPage {
  readonly messages: readonly Message[];
  readonly before?: string;
}

interface EventsPage {
  readonly epoch: string;
  readonly events: readonly unknown[];
  readonly next: string;
}

type LogLine = Event | UnknownEvent;

export class History {
  private last: Promise<unknown> = Promise.resolve();
  private loading: Promise<void> | undefined;

  constructor(
    private readonly rest: Rest,
    private readonly feed: RoomFeed,
  ) {}

  /** What happened among the messages of a snapshot. Where it fails, `older` begins with it. */
  span(): Promise<void> {
    return this.inTurn(() => this.loadSpan());
  }

  /** One load at a time: who asks meanwhile waits for the same. */
  older(): Promise<void> {
    this.loading ??= this.inTurn(() => this.loadOlder(PAGE)).finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  /** Nothing is left out between: everything from the message on is loaded. */
  around(messageId: string): Promise<boolean> {
    return this.inTurn(async () => {
      const has = () => this.state?.messages.some((message) => message.id === messageId) ?? false;
      if (has()) return true;
      const seq = await this.seqOf(messageId);
      if (seq === undefined) return false;
      await this.reach(seq - 1);
      return has();
    });
  }

  /** Everything after `seq` is loaded, if that is not too far away. */
  since(seq: number): Promise<void> {
    return this.inTurn(() => this.reach(seq));
  }

  private async reach(seq: number): Promise<void> {
    for (let page = 0; page < MOST_PAGES; page++) {
      const before = this.state;
      const first = before?.messages[0];
      if (before === undefined || !before.hasOlder || first === undefined || before.oldestSeq <= seq) return;
      await this.loadOlder(LARGE_PAGE);
      if (this.state?.messages[0] === first) return;
    }
  }

  private get state(): RoomState | undefined {
    return this.feed.state.get();
  }

  private async loadSpan(): Promise<void> {
    const { state, feed } = this;
    const first = state?.messages[0];
    if (state === undefined) return;
    const from = state.hasOlder && first !== undefined ? first.seq - 1 : 0;
    if (from >= state.oldestSeq) return;
    const { generation } = feed;
    const log = await this.log(state, from);
    const now = this.state;
    if (now === undefined || feed.generation !== generation) return;
    feed.replace(withHistory(now, [], log, from, now.hasOlder));
  }

  private async loadOlder(limit: number): Promise<void> {
    await this.loadSpan();
    const { state, feed } = this;
    const first = state?.messages[0];
    if (state === undefined || first === undefined || !state.hasOlder) return;
    const { generation } = feed;
    const page = await this.messages(first.id, limit);
    const oldest = page.messages[0];
    const hasOlder = page.before !== undefined && oldest !== undefined;
    const from = hasOlder ? oldest.seq - 1 : 0;
    const log = await this.log(state, from);
    const now = this.state;
    // Begun anew meanwhile: what is here now has its own beginning.
    if (now === undefined || feed.generation !== generation) return;
    feed.replace(withHistory(now, page.messages, log, from, hasOlder));
  }

  /** The events after `from`, up to what is here. From 0 on: from where this account may read. */
  private async log(state: RoomState, from: number): Promise<LogLine[]> {
    const start = Math.max(from, state.oldestSeq - EVENTS * EVENT_PAGES);
    try {
      return await this.logAfter(state, start);
    } catch (error) {
      // Where that begins is not known here: a guest may have come later than `start`.
      if (from > 0 || start === 0 || !(error instanceof Refused) || error.code !== "conflict") throw error;
      return this.logAfter(state, 0);
    }
  }

  private async logAfter(state: RoomState, start: number): Promise<LogLine[]> {
    let after = start > 0 ? `${state.epoch}:${start}` : undefined;
    const lines: LogLine[] = [];
    let reached = start;
    for (let page = 0; page < EVENT_PAGES && reached < state.oldestSeq; page++) {
      // What is here already is not asked for again.
      const { epoch, events, next } = await this.events(state.id, after, Math.min(EVENTS, state.oldestSeq - reached));
      if (epoch !== state.epoch) throw new Refused("conflict", "The room has another history by now.");
      if (events.length === 0) break;
      for (const event of events) {
        const line = readLine(event);
        if (line !== undefined && isEvent(line)) lines.push(line);
      }
      reached = lines.at(-1)?.seq ?? reached;
      after = next;
    }
    return lines.filter((line) => line.seq <= state.oldestSeq);
  }

  private async events(roomId: string, after: string | undefined, limit: number): Promise<EventsPage> {
    const query = { limit, ...(after === undefined ? {} : { after }) };
    return read(await this.rest.raw("GET /api/v1/rooms/{room_id}/events", { places: { room_id: roomId }, query }));
  }

  private async messages(before: string, limit: number): Promise<MessagesPage> {
    const places = { room_id: this.feed.roomId };
    return read(await this.rest.raw("GET /api/v1/rooms/{room_id}/messages", { places, query: { before, limit } }));
  }

  private async seqOf(messageId: string): Promise<number | undefined> {
    try {
      const places = { room_id: this.feed.roomId, message_id: messageId };
      return (await this.rest.call("GET /api/v1/rooms/{room_id}/messages/{message_id}", { places })).message.seq;
    } catch (error) {
      if (error instanceof Refused && (error.code === "not_found" || error.code === "malformed")) return undefined;
      throw error;
    }
  }

  private inTurn<T>(run: () => Promise<T>): Promise<T> {
    const done = this.last.then(run);
    this.last = done.catch(() => undefined);
    return done;
  }
}

async function read<T>(response: Response): Promise<T> {
  try {
    return await response.json();
  } catch {
    throw offline();
  }
}
