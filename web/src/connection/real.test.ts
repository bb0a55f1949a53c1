/// <reference types="node" />
/** Against a real server of this checkout, by both ways. The WebSocket is happy-dom's: Node 20 has none of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Window } from "happy-dom";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RoomListing } from "../protocol/api";
import { type Account, SUBPROTOCOL } from "../protocol/wire";
import type { Pending } from "../room/state";
import { connect, type Store } from "./client";
import { makeSession, type Session } from "./session";
import type { MakeSocket } from "./socket";
import type { Client } from "./types";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PYTHON = `${ROOT}.venv/bin/python`;
const START_MS = 120_000;

let server: ChildProcess | undefined;
let folder = "";
let address = "";
let link = "";

beforeAll(async () => {
  if (!existsSync(PYTHON)) return;
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: process.env.HOME ?? "",
    LANG: "C.UTF-8",
    NO_COLOR: "1",
    PYTHONPATH: ROOT,
  };
  // No key of a model's provider comes along, from here or from a `.env`: the built-in demo AI answers.
  folder = mkdtempSync(join(tmpdir(), "multiplayer-web-"));
  const child = spawn(PYTHON, ["-m", "multiplayer", "serve", "--port", "0", "--ephemeral"], { cwd: folder, env });
  server = child;
  let printed = "";
  await new Promise<void>((resolve, reject) => {
    const read = (piece: Buffer) => {
      printed += piece.toString();
      address = /(http:\/\/[\d.]+:\d+)/.exec(printed)?.[1] ?? "";
      link = /\/sign-in#(ml_[\w-]+)/.exec(printed)?.[1] ?? "";
      if (address !== "" && link !== "") resolve();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", (piece: Buffer) => {
      printed += piece.toString();
    });
    child.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
}, START_MS);

afterAll(async () => {
  const child = server;
  if (child === undefined || child.exitCode !== null) return;
  await new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGINT");
  });
  rmSync(folder, { recursive: true });
}, 60_000);

/** What a browser adds by itself: the cookie, and the Origin of the page. */
function pageFetch(): typeof fetch {
  let cookie = "";
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("Origin", address);
    if (cookie !== "") headers.set("Cookie", cookie);
    const response = await fetch(input, { ...init, headers });
    const set = response.headers.get("set-cookie")?.split(";")[0];
    if (set !== undefined) cookie = set.endsWith("=") ? "" : set;
    return response;
  };
}

/** What came over sockets: a client that cannot open one says nothing of it. */
let frames = 0;

const makeSocket: MakeSocket = (hears) => {
  const window = new Window({ url: `${address}/` });
  const socket = new window.WebSocket(`${address.replace("http", "ws")}/ws`, SUBPROTOCOL);
  socket.addEventListener("open", () => hears.onOpen());
  socket.addEventListener("message", (event) => {
    if (!(event instanceof window.MessageEvent)) return;
    frames += 1;
    hears.onText(String(event.data));
  });
  socket.addEventListener("close", (event) => {
    if (event instanceof window.CloseEvent) hears.onClose(event.code, event.reason);
  });
  return { send: (text) => socket.send(text), close: () => socket.close() };
};

const blocked: MakeSocket = (hears) => {
  queueMicrotask(() => hears.onClose(1006, ""));
  return { send: () => undefined, close: () => undefined };
};

class MemoryStore implements Store {
  private items: readonly Pending[] = [];
  async load() {
    return this.items;
  }
  async save(items: readonly Pending[]) {
    this.items = items;
  }
}

function clientOf(session: Session, me: Account, socket: MakeSocket): Client {
  return connect({
    rest: session.rest,
    me,
    store: new MemoryStore(),
    now: Date.now,
    schedule: (run) => setTimeout(run, 16),
    makeSocket: socket,
  });
}

interface Follows {
  subscribe(listener: () => void): () => void;
}

/** Resolves as soon as `is` holds, looked at whenever one of these changes. */
function when(is: () => boolean, ...what: readonly Follows[]): Promise<void> {
  return new Promise((resolve) => {
    const ends: (() => void)[] = [];
    const look = () => {
      if (!is()) return;
      for (const end of ends.splice(0)) end();
      resolve();
    };
    for (const one of what) ends.push(one.subscribe(look));
    look();
  });
}

let operator: { readonly session: Session; readonly me: Account } | undefined;

async function signedIn() {
  if (operator !== undefined) return operator;
  const session = makeSession({ fetch: pageFetch(), base: address });
  expect(await session.whoAmI()).toBeUndefined();
  await session.signInByLink(link);
  const me = await session.whoAmI();
  if (me === undefined) throw new Error("nobody is signed in");
  expect(me.account.handle).toBe("host");
  operator = { session, me: me.account };
  return operator;
}

const isThere = existsSync(PYTHON);

for (const [way, socket] of [
  ["WebSocket", makeSocket],
  ["server-sent events", blocked],
] as const) {
  test.skipIf(!isThere)(
    `over ${way}: a message to the AI is answered word by word, and the answer stands in the room`,
    async () => {
      const { session, me } = await signedIn();
      const listing: RoomListing = await session.rest.call("POST /api/v1/rooms", { body: { name: `by ${way}` } });
      frames = 0;
      const client = clientOf(session, me, socket);
      try {
        const roomId = listing.room.id;
        client.hold(roomId);
        const room = client.room(roomId);
        await when(() => room.state.get() !== undefined, room.state);
        expect(client.status.get().kind).toBe("online");
        expect(client.limits.get().frame_bytes).toBe(65_536);

        expect(frames > 0).toBe(way === "WebSocket");

        const words: string[] = [];
        const followed = new Set<string>();
        const follow = room.state.subscribe(() => {
          for (const turnId of room.state.get()?.turns.keys() ?? []) {
            if (followed.has(turnId)) continue;
            followed.add(turnId);
            const tail = room.tail(turnId);
            tail.subscribe(() => words.push(tail.get().text));
          }
        });
        room.post("@ai hello 🙂");
        expect(room.pending.get()).toHaveLength(1);
        await when(() => (room.state.get()?.ended.size ?? 0) > 0, room.state);
        follow();

        const state = room.state.get();
        const answer = state?.messages.find((message) => message.turn_id !== undefined);
        expect(room.pending.get()).toEqual([]);
        expect(state?.messages[0]).toMatchObject({ text: "@ai hello 🙂", author_id: me.id });
        expect(answer?.text).not.toBe("");
        expect(words.length).toBeGreaterThan(0);
        expect(answer?.text.startsWith(words[0] ?? "?")).toBe(true);

        const renamed = await room.ask({ type: "rename_room", name: `renamed by ${way}` });
        expect(renamed.seq).toBeGreaterThan(0);
        await expect(room.ask({ type: "stop_turn", turn_id: "0".repeat(26) })).rejects.toThrow();
        await when(() => client.rooms.get()?.get(roomId)?.name === `renamed by ${way}`, client.rooms);
        await when(() => room.state.get()?.oldestSeq === 0, room.state);
        room.setTyping(true);
        room.markRead(room.state.get()?.seq ?? 0);
        expect(room.state.get()?.read.unread).toBe(0);
      } finally {
        client.close();
      }
    },
    60_000,
  );
}

test.skipIf(!isThere)(
  "a person comes in by an invite, says something that the other sees at once, and is gone after signing out",
  async () => {
    const { session, me } = await signedIn();
    const listing = await session.rest.call("POST /api/v1/rooms", { body: { name: "two", with_ai: false } });
    const roomId = listing.room.id;
    const invite = await session.rest.call("POST /api/v1/rooms/{room_id}/invites", {
      places: { room_id: roomId },
      body: {},
    });
    const other = makeSession({ fetch: pageFetch(), base: address });
    expect(await other.previewInvite(invite.code)).toMatchObject({ room_id: roomId, name: "two" });
    const joined = await other.acceptInvite(invite.code, { handle: "sam", password: "a long enough password 7" });
    expect(joined.room_id).toBe(roomId);
    const who = await other.whoAmI();
    if (who === undefined) throw new Error("nobody is signed in");

    const mine = clientOf(session, me, makeSocket);
    const theirs = clientOf(other, who.account, blocked);
    try {
      mine.hold(roomId);
      theirs.hold(roomId);
      const room = mine.room(roomId);
      await when(() => room.state.get() !== undefined, room.state);
      await when(() => theirs.room(roomId).state.get() !== undefined, theirs.room(roomId).state);
      theirs.room(roomId).post("good morning");
      await when(() => room.state.get()?.messages.at(-1)?.text === "good morning", room.state);
      await other.signOut();
      await when(() => theirs.status.get().kind === "ended", theirs.status);
      expect(theirs.status.get()).toEqual({ kind: "ended", reason: "unauthenticated" });
      expect(await other.whoAmI()).toBeUndefined();
      expect(mine.status.get().kind).toBe("online");
    } finally {
      mine.close();
      theirs.close();
    }
  },
  60_000,
);
