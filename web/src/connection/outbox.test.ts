import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Pending } from "../room/state";
import { connect, type Store } from "./client";
import { FakeServer, ME, ROOM } from "./fakeServer";
import type { Notes } from "./keeping";
import type { Locks } from "./locks";
import type { Client } from "./types";

class SlowStore implements Store {
  items: readonly Pending[] = [];
  isBroken = false;
  saveMs = 0;
  notes?: Notes;
  async load() {
    await Promise.resolve();
    if (this.isBroken) throw new Error("no storage here");
    return structuredClone(this.items);
  }
  async save(items: readonly Pending[]) {
    if (this.saveMs > 0) await new Promise((resolve) => setTimeout(resolve, this.saveMs));
    if (this.isBroken) throw new Error("no storage here");
    this.items = structuredClone(items);
  }
}

/** As the browser gives them to its pages. */
function sharedLocks(): Locks {
  const last = new Map<string, Promise<unknown>>();
  return <T>(name: string, run: () => Promise<T>, signal?: AbortSignal) => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(() => {
      signal?.throwIfAborted();
      return run();
    });
    last.set(
      name,
      mine.catch(() => undefined),
    );
    return mine;
  };
}

let server: FakeServer;
let store: SlowStore;
let clients: Client[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  server = new FakeServer();
  store = new SlowStore();
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.close();
  vi.useRealTimers();
});

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function start(locks: Locks = sharedLocks()): Promise<Client> {
  const client = connect({
    rest: server.rest(),
    me: ME,
    store,
    now: Date.now,
    schedule: (run) => run(),
    random: () => 0.5,
    makeSocket: server.makeSocket,
    locks,
  });
  clients.push(client);
  client.hold(ROOM);
  await pass();
  return client;
}

const statesOf = (client: Client) =>
  client
    .room(ROOM)
    .pending.get()
    .map((one) => `${one.text}: ${one.state}`);

test("what is written while there is no connection leaves in order, once, and is counted", async () => {
  const client = await start();
  server.isAway = true;
  server.wire.cut();
  for (const text of ["one", "two", "three"]) client.room(ROOM).post(text);
  await pass(5_000);
  expect(statesOf(client)).toEqual(["one: waiting", "two: waiting", "three: waiting"]);
  expect(store.items.map((one) => one.text)).toEqual(["one", "two", "three"]);
  server.isAway = false;
  await pass(31_000);
  expect(server.texts).toEqual(["one", "two", "three"]);
  expect(statesOf(client)).toEqual([]);
  expect(store.items).toEqual([]);
  expect(client.status.get()).toEqual({ kind: "online", sentAfterBreak: 3 });
});

test("a message is kept before it is sent, and one of a room at a time is on its way", async () => {
  const client = await start();
  const kept: string[][] = [];
  server.onCommand = () => {
    kept.push(store.items.map((one) => one.text));
    return "silence";
  };
  client.room(ROOM).post("one");
  client.room(ROOM).post("two");
  await pass(1_000);
  expect(kept).toEqual([["one", "two"]]);
  expect(statesOf(client)).toEqual(["one: sending", "two: waiting"]);
});

test("an answer that a break kept away is asked for again under the same key, and is stored once", async () => {
  const client = await start();
  const perform = server.onCommand;
  server.onCommand = (command, wire) => {
    server.onCommand = perform;
    // Committed, and the connection breaks before the answer leaves.
    if (wire !== undefined) wire.isOpen = false;
    queueMicrotask(() => {
      if (wire !== undefined) {
        wire.isOpen = true;
        wire.cut();
      }
    });
    return command.type === "post_message" ? "go on" : "silence";
  };
  client.room(ROOM).post("once");
  await pass(3_000);
  expect(server.texts).toEqual(["once"]);
  const keys = server.heard("post_message").map((line) => line.key);
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
  expect(statesOf(client)).toEqual([]);
});

test("one that is written while another is sent is kept before it follows", async () => {
  const client = await start();
  const room = client.room(ROOM);
  store.saveMs = 50;
  const kept: boolean[] = [];
  server.onCommand = (command) => {
    if (command.type !== "post_message") return "go on";
    kept.push(store.items.some((one) => one.text === command.text));
    if (command.text === "one") room.post("two");
    return "go on";
  };
  room.post("one");
  await pass(1_000);
  expect(server.texts).toEqual(["one", "two"]);
  expect(kept).toEqual([true, true]);
});

for (const code of ["unknown", "busy", "unavailable"] as const) {
  test(`a message that is refused as ${code} is sent again under the same key`, async () => {
    const client = await start();
    server.onCommand = () => {
      server.onCommand = () => "go on";
      return { code, message: "try again", retry_after_s: 1 };
    };
    client.room(ROOM).post("again");
    await pass(900);
    expect(statesOf(client)).toEqual(["again: waiting"]);
    await pass(2_000);
    expect(server.texts).toEqual(["again"]);
    expect(new Set(server.heard("post_message").map((line) => line.key)).size).toBe(1);
  });
}

test("one that comes too fast waits as long as it is asked to, and keeps its place", async () => {
  const client = await start();
  let refusals = 1;
  server.onCommand = () =>
    refusals-- > 0 ? { code: "rate_limited", message: "slow down", retry_after_s: 6 } : "go on";
  client.room(ROOM).post("first");
  client.room(ROOM).post("second");
  await pass(5_900);
  expect(server.texts).toEqual([]);
  await pass(200);
  expect(server.texts).toEqual(["first", "second"]);
});

test("one that is refused stays with the reason, the next one goes on, and it can be sent again or dropped", async () => {
  const client = await start();
  const room = client.room(ROOM);
  let isStrict = true;
  server.onCommand = (command) =>
    isStrict && command.type === "post_message" && command.text !== "good"
      ? { code: "too_long", message: "this is too long" }
      : "go on";
  room.post("bad");
  room.post("good");
  room.post("worse");
  await pass();
  expect(server.texts).toEqual(["good"]);
  expect(statesOf(client)).toEqual(["bad: refused", "worse: refused"]);
  expect(room.pending.get()[0]?.reason).toBe("this is too long");
  isStrict = false;
  const [bad, worse] = room.pending.get();
  room.retry(bad?.key ?? "");
  room.discard(worse?.key ?? "");
  await pass();
  expect(server.texts).toEqual(["good", "bad"]);
  expect(statesOf(client)).toEqual([]);
  expect(store.items).toEqual([]);
});

test("what was not sent before a reload is sent after it, and what was refused is still told", async () => {
  const first = await start();
  server.onCommand = () => ({ code: "too_long", message: "this is too long" });
  first.room(ROOM).post("refused");
  await pass();
  server.isAway = true;
  server.wire.cut();
  first.room(ROOM).post("waiting");
  await pass();
  first.close();
  server.isAway = false;
  server.onCommand = () => "go on";
  const second = await start();
  await pass(1_000);
  expect(server.texts).toEqual(["waiting"]);
  expect(statesOf(second)).toEqual(["refused: refused"]);
});

test("of two pages of one account one sends what both know, once", async () => {
  const locks = sharedLocks();
  const first = await start(locks);
  server.isAway = true;
  for (const wire of server.wires) wire.cut();
  for (const text of ["one", "two", "three"]) first.room(ROOM).post(text);
  await pass();
  const second = await start(locks);
  expect(statesOf(second)).toEqual(["one: waiting", "two: waiting", "three: waiting"]);
  second.room(ROOM).post("four");
  await pass();
  server.isAway = false;
  await pass(31_000);
  expect(server.texts).toEqual(["one", "two", "three", "four"]);
  expect(server.heard("post_message")).toHaveLength(4);
  expect(statesOf(first)).toEqual([]);
  expect(statesOf(second)).toEqual([]);
  expect(store.items).toEqual([]);
});

test("where nothing can be kept, messages are sent all the same", async () => {
  store.isBroken = true;
  const client = await start();
  client.room(ROOM).post("one");
  client.room(ROOM).post("two");
  await pass();
  expect(server.texts).toEqual(["one", "two"]);
  expect(statesOf(client)).toEqual([]);
});

test("a store that stops working takes nothing from the page", async () => {
  const client = await start();
  server.isAway = true;
  server.wire.cut();
  client.room(ROOM).post("one");
  await pass();
  store.isBroken = true;
  server.isAway = false;
  await pass(5_000);
  expect(server.texts).toEqual(["one"]);
  expect(statesOf(client)).toEqual([]);
});

test("the event and the end of waiting are shown together", async () => {
  const client = await start();
  const room = client.room(ROOM);
  const counts: number[] = [];
  const look = () => {
    const shown = room.state.get()?.messages.length ?? 0;
    queueMicrotask(() => counts.push(shown + room.pending.get().length));
  };
  room.state.subscribe(look);
  room.pending.subscribe(look);
  room.post("one");
  await pass();
  expect(new Set(counts)).toEqual(new Set([1]));
});

test("one that comes too fast waits as long as the server asks, says until when, and leaves by itself", async () => {
  const client = await start();
  const perform = server.onCommand;
  server.onCommand = (command) => {
    if (command.type !== "post_message") return "go on";
    server.onCommand = perform;
    return { code: "rate_limited", message: "too many messages", retry_after_s: 7 };
  };
  client.room(ROOM).post("too fast");
  await pass(1_000);
  const [waiting] = client.room(ROOM).pending.get();
  expect(waiting?.state).toBe("waiting");
  expect((waiting?.retryAt ?? 0) - Date.now()).toBeGreaterThan(5_000);
  expect((waiting?.retryAt ?? 0) - Date.now()).toBeLessThanOrEqual(7_000);
  await pass(7_000);
  expect(server.texts).toEqual(["too fast"]);
  expect(client.room(ROOM).pending.get()).toEqual([]);
});

test("what is refused keeps the code of its refusal until it is tried again", async () => {
  const client = await start();
  server.onCommand = (command) =>
    command.type === "post_message" ? { code: "forbidden", message: "guests only read here" } : "go on";
  client.room(ROOM).post("not mine to say");
  await pass(1_000);
  expect(client.room(ROOM).pending.get()[0]).toMatchObject({ state: "refused", code: "forbidden" });
  expect(store.items[0]).toMatchObject({ code: "forbidden", reason: "guests only read here" });
});

test("a page that is left before its message is kept loses nothing, and the next one sends it once", async () => {
  const notes = new Map<string, Pending>();
  store.notes = {
    all: () => [...notes.values()],
    write: (item) => notes.set(item.key, item),
    drop: (key) => notes.delete(key),
  };
  const first = await start();
  store.saveMs = 50;
  first.room(ROOM).post("said and gone");
  await pass(10);
  // The page is over in the middle of keeping it.
  const left = store;
  first.close();
  store = new SlowStore();
  store.notes = left.notes;
  await start();
  await pass(1_000);
  expect(server.texts).toEqual(["said and gone"]);
  expect(store.items).toEqual([]);
  expect([...notes]).toEqual([]);
});

test("what is kept already is not taken from a note again, nor what was discarded at once", async () => {
  const notes = new Map<string, Pending>();
  store.notes = {
    all: () => [...notes.values()],
    write: (item) => notes.set(item.key, item),
    drop: (key) => notes.delete(key),
  };
  const first = await start();
  server.isAway = true;
  server.wire.cut();
  await pass();
  const room = first.room(ROOM);
  room.post("kept");
  await pass();
  expect([...notes]).toEqual([]);
  const [kept] = store.items;
  if (kept !== undefined) notes.set(kept.key, kept);
  store.saveMs = 50;
  room.post("not this");
  room.discard(room.pending.get().at(-1)?.key ?? "");
  first.close();
  const second = await start();
  expect(statesOf(second)).toEqual(["kept: waiting"]);
  expect([...notes]).toEqual([]);
});
