/** The link where a WebSocket does not get through: lines by server-sent events, what we say by POST. */

import type { Operations } from "../protocol/api";
import type { Command, Join, Leave, Ping, Renew } from "../protocol/wire";
import { EventStream } from "./eventStream";
import type { Hears, Incoming, Link, Lost, Outgoing } from "./link";
import { askedMs } from "./refusals";
import { linesOf } from "./socket";
import { Refused, type Rest } from "./types";

/** What the address of a stream may say. */
const MAX_JOINS = 50;
const MAX_TEXT = 8_000;

type OfSession = Join | Leave | Ping | Renew;

export function openStream(rest: Rest, joins: readonly Join[], hears: Hears): Link {
  const link = new StreamLink(rest, hears);
  void link.run(joins);
  return link;
}

class StreamLink implements Link {
  private readonly stop = new AbortController();
  private isOver = false;
  private sessionId: string | undefined;
  /** Said one after another: a `leave` must not overtake the `join` before it. */
  private said: Promise<void> = Promise.resolve();

  constructor(
    private readonly rest: Rest,
    private readonly hears: Hears,
  ) {}

  async run(joins: readonly Join[]): Promise<void> {
    const inAddress: string[] = [];
    const after: Join[] = [];
    let length = 0;
    for (const join of joins) {
      const text = join.after === undefined ? join.room_id : `${join.room_id}@${join.after.epoch}:${join.after.seq}`;
      length += text.length + 1;
      if (inAddress.length < MAX_JOINS && length <= MAX_TEXT) inAddress.push(text);
      else after.push(join);
    }
    try {
      await this.read(inAddress.join(","), after);
      this.end({ reason: "the server ended the stream" });
    } catch (error) {
      this.end(error instanceof Refused ? lostBy(error) : { reason: "the stream broke" });
    }
  }

  send(line: Outgoing): void {
    if (this.isOver) return;
    switch (line.type) {
      case "join":
      case "leave":
      case "ping":
      case "renew":
        this.said = this.said.then(() => this.say(line));
        break;
      default:
        void this.post(line);
    }
  }

  close(): void {
    this.isOver = true;
    this.stop.abort();
  }

  private async read(join: string, after: readonly Join[]): Promise<void> {
    const response = await this.rest.raw("GET /api/v1/stream", {
      query: join === "" ? {} : { join },
      headers: { Accept: "text/event-stream" },
      signal: this.stop.signal,
    });
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const decoder = new TextDecoder();
    const events = new EventStream();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.isOver) return;
      this.hears.onSign();
      for (const data of events.push(decoder.decode(value, { stream: true }))) this.take(linesOf(data), after);
    }
  }

  private take(lines: readonly Incoming[], after: readonly Join[]): void {
    if (this.isOver) return;
    for (const line of lines) {
      if ("type" in line && line.type === "welcome") {
        this.sessionId = line.session_id;
        for (const join of after) this.send(join);
      }
    }
    this.hears.onFrame(lines);
  }

  private async say(line: OfSession): Promise<void> {
    for (let wait = 0; wait < 5; wait++) {
      if (this.isOver || this.sessionId === undefined) return;
      try {
        await this.rest.call("POST /api/v1/stream/{session_id}", {
          places: { session_id: this.sessionId },
          body: line,
          signal: this.stop.signal,
        });
        return;
      } catch (error) {
        if (!(error instanceof Refused)) return;
        if (error.code !== "rate_limited" && error.code !== "busy") {
          // Not found: another process answered, which does not hold this stream.
          this.end({ ...lostBy(error), ...(error.code === "not_found" ? { isStale: true } : {}) });
          return;
        }
        if (line.type === "ping") return;
        await new Promise((resolve) => setTimeout(resolve, Math.max(100, askedMs(error))));
      }
    }
    this.end({ reason: "the server has too much to do" });
  }

  private async post(command: Command): Promise<void> {
    const { id, room_id, ...said } = command;
    // The same over either way; of what may be absent the two descriptions make different types.
    const body: Operations["POST /api/v1/rooms/{room_id}/commands"]["body"] = JSON.parse(JSON.stringify(said));
    let answer: Incoming;
    try {
      const done = await this.rest.call("POST /api/v1/rooms/{room_id}/commands", { places: { room_id }, body });
      answer = { type: "accepted", re: id, ...done };
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused("broken", "The answer cannot be understood.");
      const wait = refused.retryAfterS === undefined ? {} : { retry_after_s: refused.retryAfterS };
      // The stream may live on; this one command is asked again, under its key.
      const code = refused.code === "offline" || refused.code === "broken" ? "unknown" : refused.code;
      answer = { type: "refused", re: id, code, message: refused.message, ...wait };
    }
    if (!this.isOver) this.hears.onFrame([answer]);
  }

  private end(lost: Lost): void {
    if (this.isOver) return;
    this.close();
    this.hears.onLost(lost);
  }
}

/** What a refused request says about the whole connection. */
export function lostBy(refused: Refused): Lost {
  const wait = refused.retryAfterS === undefined ? {} : { retryAfterMs: askedMs(refused) };
  if (refused.status === 401) return { reason: refused.message, isSignedOut: true };
  if (refused.code === "limit_reached") return { reason: refused.message, code: 4029 };
  return { reason: refused.message, ...wait };
}
