/** A server in memory for tests: rooms with a log, sockets and streams that speak lines, and what can go wrong with them. */

import type { RoomListing } from "../protocol/api";
import type { Account, Command, Event, Join, Message, RefusedLine, Snapshot } from "../protocol/wire";
import { makeRest } from "./rest";
import type { MakeSocket, SocketHears } from "./socket";
import type { Rest } from "./types";

export const ME: Account = { id: "me", kind: "human", handle: "mei", display_name: "Mei", is_operator: false };
export const ROOM = "room-1";
const AT = "2026-01-31T12:00:00.000Z";

interface Said {
  readonly type: string;
  readonly id?: string;
  readonly [name: string]: unknown;
}

/** One connection, whatever carries it. */
export class Wire {
  readonly heard: Said[] = [];
  readonly joined = new Set<string>();
  isOpen = true;

  constructor(
    readonly kind: "socket" | "stream",
    private readonly out: { text(text: string): void; close(code: number, reason: string): void },
  ) {}

  say(...lines: readonly object[]): void {
    if (this.isOpen && lines.length > 0) this.out.text(lines.map((line) => JSON.stringify(line)).join("\n"));
  }

  /** The network goes, or the server closes. */
  cut(code = 1006, reason = ""): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.out.close(code, reason);
  }
}

export class FakeServer {
  readonly wires: Wire[] = [];
  readonly requests: string[] = [];
  epoch = "e1";
  log: Event[] = [];
  messages: Message[] = [];
  /** Each is asked before the server does what it would; an answer takes its place. `undefined`: nothing happens at all. */
  onCommand: (command: Command, wire: Wire | undefined) => "go on" | "silence" | Omit<RefusedLine, "type"> = () =>
    "go on";
  /** What the list of rooms says otherwise than the log. */
  listed: Partial<RoomListing> = {};
  isAway = false;
  /** Requests wait for it. */
  gate: Promise<void> = Promise.resolve();
  opensSockets = true;
  greets = true;
  isSignedIn = true;
  pongs = true;
  /** The first seq that the reader may read: that of a guest's coming. */
  readableFrom = 1;
  private readonly committed = new Map<string, { seq: number; event_id: string }>();
  private tickets = 0;

  get wire(): Wire {
    const wire = this.wires.at(-1);
    if (wire === undefined) throw new Error("nobody has connected");
    return wire;
  }

  rest(): Rest {
    return makeRest({ csrf: () => "csrf", fetch: (input, init) => this.fetch(String(input), init), base: "" });
  }

  readonly makeSocket: MakeSocket = (hears: SocketHears) => {
    if (this.isAway || !this.opensSockets) {
      queueMicrotask(() => hears.onClose(1006, ""));
      return { send: () => undefined, close: () => undefined };
    }
    const wire = new Wire("socket", { text: hears.onText, close: hears.onClose });
    this.wires.push(wire);
    queueMicrotask(() => hears.onOpen());
    return {
      send: (text) => queueMicrotask(() => this.hear(wire, JSON.parse(text))),
      close: () => {
        wire.isOpen = false;
      },
    };
  };

  /** Puts events into the log, and tells whoever is there unless `isSilent`. */
  commit(event: object, isSilent = false): Event {
    const seq = this.log.length + 1;
    const whole = { room_id: ROOM, seq, id: `ev-${seq}`, at: AT, actor_id: "sam", ...event };
    const line: Event = JSON.parse(JSON.stringify(whole));
    this.log.push(line);
    if (line.type === "message_posted") this.messages.push(messageOf(line));
    if (!isSilent) for (const wire of this.wires) if (wire.joined.has(ROOM)) wire.say(line);
    return line;
  }

  post(text: string, isSilent = false): Event {
    const id = `ev-${this.log.length + 1}`;
    return this.commit(
      { type: "message_posted", message: { id, text }, mentions: [], mention_groups: [], is_redacted: false },
      isSilent,
    );
  }

  /** Lines of one kind that were heard over all connections. */
  heard(type: string): Said[] {
    return this.wires.flatMap((wire) => wire.heard.filter((line) => line.type === type));
  }

  get texts(): string[] {
    return this.messages.map((message) => message.text);
  }

  private hear(wire: Wire, line: Said): void {
    if (!wire.isOpen) return;
    wire.heard.push(line);
    switch (line.type) {
      case "hello":
        if (!this.greets) return;
        if (line.ticket === `ticket-${this.tickets}` && this.isSignedIn) this.welcome(wire);
        else {
          wire.say({ type: "closing", code: 4001, hint: "this ticket is not known here" });
          wire.cut(4001, "this ticket is not known here");
        }
        return;
      case "ping":
        if (this.pongs) wire.say({ type: "pong", re: line.id });
        return;
      case "join":
        this.join(wire, line);
        return;
      case "leave":
        wire.joined.delete(String(line.room_id));
        wire.say({ type: "accepted", re: line.id });
        return;
      case "renew":
        wire.say({ type: "accepted", re: line.id });
        return;
      default:
        this.perform(wire, line);
    }
  }

  private welcome(wire: Wire): void {
    wire.say({
      type: "welcome",
      session_id: `session-${this.wires.indexOf(wire)}`,
      account: ME,
      epoch: this.epoch,
      server_time: AT,
      limits: { frame_bytes: 65_536 },
      heartbeat_s: 25,
      sandbox: "strict",
    });
  }

  private join(wire: Wire, line: Said): void {
    const join: Join = JSON.parse(JSON.stringify(line));
    if (join.room_id !== ROOM) {
      wire.say({ type: "refused", re: join.id, code: "not_found", message: "there is no such room" });
      return;
    }
    const seq = this.log.length;
    const { after } = join;
    wire.joined.add(ROOM);
    const answer = { type: "joined", re: join.id, room_id: ROOM, seq };
    if (after !== undefined && after.epoch === this.epoch && after.seq <= seq) {
      wire.say(answer, ...this.log.slice(after.seq));
      return;
    }
    if (after !== undefined) wire.say({ type: "reset", room_id: ROOM, reason: "another history" });
    wire.say({ ...answer, snapshot: this.snapshot() });
  }

  private perform(wire: Wire, line: Said): void {
    const command: Command = JSON.parse(JSON.stringify(line));
    const what = this.onCommand(command, wire);
    if (what === "silence") return;
    if (what !== "go on") {
      wire.say({ type: "refused", re: command.id, ...what });
      return;
    }
    const done = this.carryOut(command, (accepted) => wire.say({ type: "accepted", re: command.id, ...accepted }));
    done();
  }

  /** Commits, answers by `answer`, and returns what tells the room. */
  private carryOut(command: Command, answer: (accepted: object) => void): () => void {
    if (command.type !== "post_message") {
      answer({});
      return () => undefined;
    }
    const key = command.key ?? "";
    const before = this.committed.get(key);
    if (before !== undefined) {
      answer(before);
      return () => undefined;
    }
    const id = `ev-${this.log.length + 1}`;
    const body = { id, text: command.text };
    const said = { type: "message_posted", message: body, mentions: [], mention_groups: [], is_redacted: false };
    const event = this.commit({ ...said, actor_id: ME.id }, true);
    const accepted = { seq: event.seq, event_id: event.id };
    this.committed.set(key, accepted);
    answer(accepted);
    return () => {
      for (const wire of this.wires) if (wire.joined.has(ROOM)) wire.say(event);
    };
  }

  snapshot(): Snapshot {
    return {
      room: { id: ROOM, kind: "room", name: "deploy", topic: "", settings: {}, created_at: AT },
      seq: this.log.length,
      members: [
        { account_id: ME.id, kind: "human", handle: "mei", display_name: "Mei", role: "owner", ...SINCE },
        { account_id: "sam", kind: "human", handle: "sam", display_name: "Sam", role: "member", ...SINCE },
      ],
      banned: [],
      pins: [],
      turns: [],
      facts: [],
      proposals: [],
      budget: {},
      messages: this.messages.slice(-50),
      has_older: this.messages.length >= 50,
      online: [ME.id],
      read: { seq: 0, unread: this.messages.length, mentions: 0 },
    };
  }

  private async fetch(address: string, init: RequestInit = {}): Promise<Response> {
    const url = new URL(address, "http://server.test");
    const method = init.method ?? "GET";
    const asked = `${method} ${url.pathname}`;
    this.requests.push(`${asked}${url.search}`);
    await this.gate;
    if (this.isAway) throw new TypeError("failed to fetch");
    if (!this.isSignedIn) return problem(401, "unauthenticated", "sign in");
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const path = url.pathname;
    if (asked === "POST /api/v1/tickets") {
      this.tickets += 1;
      return json({ ticket: `ticket-${this.tickets}`, expires_in_s: 30 }, 201);
    }
    if (asked === "GET /api/v1/rooms") return json({ rooms: [this.listing()] });
    if (asked === "GET /api/v1/stream") return this.stream(url.searchParams.get("join") ?? "", init.signal);
    if (path.startsWith("/api/v1/stream/")) return this.streamSaid(path, body);
    if (path.endsWith("/commands")) return this.commanded(body);
    if (path.endsWith("/events")) return this.eventPage(url.searchParams);
    if (path.endsWith("/messages")) return this.messagePage(url.searchParams);
    const message = this.messages.find((one) => path.endsWith(`/messages/${one.id}`));
    if (message !== undefined) return json({ message, revisions: [] });
    return problem(404, "not_found", "there is nothing at this address");
  }

  private listing(): object {
    const { room, seq, read } = this.snapshot();
    return {
      room,
      seq,
      role: "owner",
      read,
      has_ai: false,
      is_ai_working: false,
      needs_approval: false,
      ...this.listed,
    };
  }

  private stream(join: string, signal: AbortSignal | null | undefined): Response {
    let wire: Wire | undefined;
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        wire = new Wire("stream", {
          text: (text) => controller.enqueue(encoder.encode(`data: ${text.replaceAll("\n", "\ndata: ")}\n\n`)),
          close: () => controller.close(),
        });
        const opened = wire;
        this.wires.push(opened);
        signal?.addEventListener("abort", () => {
          opened.isOpen = false;
        });
        this.welcome(opened);
        for (const place of join.split(",").filter((one) => one !== "")) {
          const [id = "", cursor] = place.split("@");
          const [epoch, seq] = cursor?.split(":") ?? [];
          const after = epoch === undefined ? {} : { after: { epoch, seq: Number(seq) } };
          this.hear(opened, { type: "join", id, room_id: id, ...after });
        }
      },
    });
    return new Response(body, { status: 200, headers: { "content-type": "text/event-stream" } });
  }

  private streamSaid(path: string, body: Said): Response {
    const wire = this.wires[Number(path.split("-").at(-1))];
    if (wire === undefined || !wire.isOpen) return problem(404, "not_found", "there is no such stream");
    queueMicrotask(() => this.hear(wire, body));
    return json({ session_id: "session" }, 202);
  }

  private commanded(body: object): Response | Promise<Response> {
    const command: Command = JSON.parse(JSON.stringify({ ...body, id: "", room_id: ROOM }));
    const what = this.onCommand(command, undefined);
    if (what === "silence") return new Promise(() => undefined);
    if (what !== "go on") return problem(429, what.code, what.message);
    let answer: object = {};
    const tell = this.carryOut(command, (accepted) => {
      answer = accepted;
    });
    tell();
    return json(answer);
  }

  private eventPage(query: URLSearchParams): Response {
    const [epoch, seq] = query.get("after")?.split(":") ?? [this.epoch, `${this.readableFrom - 1}`];
    if (epoch !== this.epoch || Number(seq) + 1 < this.readableFrom)
      return problem(409, "conflict", "this place is in another history");
    const after = Number(seq);
    const events = this.log.slice(after, after + Number(query.get("limit") ?? 100));
    return json({ epoch, events, next: `${epoch}:${after + events.length}` });
  }

  private messagePage(query: URLSearchParams): Response {
    const before = this.messages.find((one) => one.id === query.get("before"));
    const older = this.messages.filter((one) => before === undefined || one.seq < before.seq);
    const page = older.slice(-Number(query.get("limit") ?? 50));
    return json({ messages: page, ...(page.length < older.length ? { before: page[0]?.id } : {}) });
  }
}

const SINCE = { joined_at: AT, joined_seq: 1 };

function messageOf(event: Event & { readonly type: "message_posted" }): Message {
  const { id, text } = event.message;
  const plain = { mentions: [], mention_groups: [], revision: 1, reactions: [], chosen: 0 };
  return { id, text, seq: event.seq, author_id: event.actor_id, at: event.at, ...plain };
}

function json(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}

export function problem(status: number, code: string, detail: string, retry_after_s?: number): Response {
  const body = { type: "about:blank", title: "", status, code, detail, retry_after_s };
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/problem+json" } });
}
