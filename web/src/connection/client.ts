/** The client of one account in this page: the connection, the rooms that are open over it, the list of all, the outbox. */

import { type Account, type Join, MAX_FRAME_BYTES, type Welcome } from "../protocol/wire";
import { Changing } from "../room/readable";
import type { RoomState } from "../room/state";
import { Connection } from "./connection";
import type { Store } from "./keeping";
import { makeKey } from "./keys";
import type { Incoming } from "./link";
import { type Locks, pageLocks } from "./locks";
import { OpenRoom } from "./openRoom";
import { Outbox } from "./outbox";
import { Requests } from "./requests";
import { RoomList } from "./roomList";
import { type MakeSocket, pageSocket } from "./socket";
import { type Client, Refused, type Rest, type RoomClient } from "./types";

export type { Store } from "./keeping";

/** So long a room stays open after nobody looks at it. */
const KEPT_MS = 5 * 60_000;

export interface ClientParts {
  readonly rest: Rest;
  readonly me: Account;
  /** Keeps what was not sent yet. */
  readonly store: Store;
  /** Milliseconds, as `Date.now`. */
  readonly now: () => number;
  /** Runs something before the next frame is painted, as `requestAnimationFrame`. */
  readonly schedule: (run: () => void) => void;
  /** Without it: the page's WebSocket, where there is one. */
  readonly makeSocket?: MakeSocket;
  readonly random?: () => number;
  readonly locks?: Locks;
}

/** Begins to connect. Everything goes on by itself until `close`. */
export function connect(parts: ClientParts): Client {
  const client = new LiveClient(parts);
  client.start();
  return client;
}

interface Opened {
  readonly room: OpenRoom;
  holds: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

class LiveClient implements Client {
  readonly rest: Rest;
  readonly me: Account;
  readonly limits = new Changing<Readonly<Record<string, number>>>({});
  readonly sandbox = new Changing("");
  readonly clockOffsetMs = new Changing(0);
  private readonly connection: Connection;
  private readonly requests: Requests;
  private readonly outbox: Outbox;
  private readonly list: RoomList;
  private readonly opened = new Map<string, Opened>();
  private readonly random: () => number;
  private epoch = "";
  private upAt = 0;

  constructor(private readonly parts: ClientParts) {
    const { rest, me, now } = parts;
    this.rest = rest;
    this.me = me;
    this.random = parts.random ?? Math.random;
    const { random } = this;
    this.connection = new Connection(
      { rest, me, makeSocket: parts.makeSocket ?? pageSocket(), now, random },
      {
        joins: () => this.joins(),
        onUp: (welcome) => this.wentUp(welcome),
        onFrame: (lines) => this.take(lines),
        onDown: () => this.wentDown(),
      },
    );
    this.requests = new Requests({
      send: (command) => this.connection.send(command),
      now,
      random,
      frameBytes: () => this.limits.get().frame_bytes ?? MAX_FRAME_BYTES,
    });
    this.outbox = new Outbox({
      accountId: me.id,
      store: parts.store,
      locks: parts.locks ?? pageLocks(),
      now,
      random,
      send: (message) => this.requests.once(message),
      stateOf: (roomId) => this.stateOf(roomId),
      onSent: (sent) => {
        if (Date.parse(sent.at) < this.upAt) this.connection.noteSent();
      },
    });
    this.list = new RoomList({
      rest,
      meId: me.id,
      random,
      stateOf: (roomId) => this.stateOf(roomId),
      onLoaded: (rooms) => {
        for (const [roomId, { room }] of this.opened) if (rooms.has(roomId)) room.feed.reopen();
      },
    });
  }

  get status() {
    return this.connection.status;
  }

  get rooms() {
    return this.list.rooms;
  }

  start(): void {
    void this.outbox.load();
    this.connection.start();
  }

  room(roomId: string): RoomClient {
    const opened = this.open(roomId);
    if (opened.holds === 0) this.closeLater(roomId, opened);
    return opened.room;
  }

  hold(roomId: string): () => void {
    const opened = this.open(roomId);
    clearTimeout(opened.timer);
    opened.holds += 1;
    if (opened.holds === 1) opened.room.feed.setSeen(true);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      opened.holds -= 1;
      if (opened.holds > 0) return;
      opened.room.feed.setSeen(false);
      this.closeLater(roomId, opened);
    };
  }

  reconnectNow(): void {
    this.connection.reconnectNow();
  }

  close(): void {
    for (const { room, timer } of this.opened.values()) {
      clearTimeout(timer);
      room.close();
    }
    this.opened.clear();
    this.list.close();
    this.outbox.close();
    this.connection.close();
    this.requests.wentDown();
  }

  private open(roomId: string): Opened {
    const known = this.opened.get(roomId);
    if (known !== undefined) return known;
    const room = new OpenRoom(roomId, {
      me: this.me,
      rest: this.rest,
      requests: this.requests,
      outbox: this.outbox,
      now: this.parts.now,
      random: this.random,
      schedule: this.parts.schedule,
      send: (line) => this.connection.send(line),
      epoch: () => this.epoch,
      onMoved: (_, state) => this.moved(state),
    });
    const opened: Opened = { room, holds: 0, timer: undefined };
    this.opened.set(roomId, opened);
    // A view that is being painted opens it: nothing may change before it is.
    queueMicrotask(() => {
      if (this.opened.get(roomId) === opened) room.feed.joinNow();
    });
    return opened;
  }

  private closeLater(roomId: string, opened: Opened): void {
    clearTimeout(opened.timer);
    opened.timer = setTimeout(() => {
      this.opened.delete(roomId);
      opened.room.close();
      this.connection.send({ type: "leave", id: makeKey(), room_id: roomId });
    }, KEPT_MS);
  }

  private stateOf(roomId: string): RoomState | undefined {
    return this.opened.get(roomId)?.room.state.get();
  }

  private joins(): readonly Join[] {
    const joins: Join[] = [];
    for (const { room } of this.opened.values()) {
      const join = room.feed.join();
      if (join !== undefined) joins.push(join);
    }
    return joins;
  }

  private wentUp(welcome: Welcome): void {
    const now = this.parts.now();
    this.epoch = welcome.epoch;
    this.upAt = now;
    this.limits.set(welcome.limits);
    this.sandbox.set(welcome.sandbox);
    this.clockOffsetMs.set(Date.parse(welcome.server_time) - now);
    this.requests.wentUp();
    for (const { room } of this.opened.values()) {
      // Those that were opened after this connection had said what it wants.
      room.feed.joinNow();
      room.wentUp();
    }
    this.outbox.wentUp();
    // What was told while there was no connection was told to nobody.
    this.list.load();
  }

  private wentDown(): void {
    for (const { room } of this.opened.values()) room.wentDown();
    this.outbox.wentDown();
    this.requests.wentDown();
  }

  private moved(state: RoomState): void {
    this.outbox.moved(state.id);
    this.list.follow(state);
  }

  private take(lines: readonly Incoming[]): void {
    const ofRooms = new Map<string, Incoming[]>();
    for (const line of lines) {
      const roomId = this.takeOrPass(line);
      if (roomId === undefined) continue;
      const before = ofRooms.get(roomId);
      if (before === undefined) ofRooms.set(roomId, [line]);
      else before.push(line);
    }
    for (const [roomId, ofRoom] of ofRooms) this.opened.get(roomId)?.room.feed.take(ofRoom);
  }

  /** The room that is to take the line; undefined: it is taken, or concerns nobody here. */
  private takeOrPass(line: Incoming): string | undefined {
    if (!("type" in line)) return line.room_id;
    switch (line.type) {
      case "accepted":
        this.requests.take(line);
        return undefined;
      case "refused":
        if (!this.requests.take(line) && line.re !== undefined) {
          const refused = new Refused(line.code, line.message, line.retry_after_s);
          this.opened.get(line.re)?.room.feed.joinRefused(refused);
        }
        return undefined;
      case "room_activity":
        this.list.activity(line);
        return undefined;
      case "room_added":
        this.opened.get(line.room.id)?.room.feed.reopen();
        this.list.load();
        return undefined;
      case "room_removed":
        this.list.remove(line.room_id);
        this.list.load();
        return undefined;
      case "read_marked":
        if (this.stateOf(line.room_id) !== undefined) return line.room_id;
        this.list.readElsewhere(line.room_id, line.seq);
        return undefined;
      default:
        return "room_id" in line ? line.room_id : undefined;
    }
  }
}
