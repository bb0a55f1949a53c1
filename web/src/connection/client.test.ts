import { expect, test } from "vitest";
import type { ClientParts } from "./client";
import { opened, pass, server, start, store, textsIn } from "./client.fixture";
import { ME, ROOM } from "./fakeServer";

for (const way of ["socket", "stream"] as const) {
  const ways = () => (way === "socket" ? {} : { makeSocket: blocked });
  const blocked: ClientParts["makeSocket"] = (hears) => {
    queueMicrotask(() => hears.onClose(1006, ""));
    return { send: () => undefined, close: () => undefined };
  };
  const openedBy = async () => {
    const client = await opened(ways());
    await pass(3_000);
    expect(server.wire.kind).toBe(way);
    return client;
  };

  test(`${way}: a room opens with its snapshot and follows what is said`, async () => {
    server.post("before");
    const client = await openedBy();
    expect(client.status.get().kind).toBe("online");
    server.post("after");
    await pass();
    expect(textsIn(client)).toEqual(["before", "after"]);
  });

  test(`${way}: after a break it goes on from its place, and misses nothing`, async () => {
    server.post("one");
    const client = await openedBy();
    server.wire.cut();
    server.post("two");
    await pass();
    expect(client.status.get()).toMatchObject({ kind: "waiting", attempt: 1, isRestart: false });
    await pass(4_000);
    expect(client.status.get().kind).toBe("online");
    expect(textsIn(client)).toEqual(["one", "two"]);
    expect(server.wire.heard.find((line) => line.type === "join")).toMatchObject({ after: { epoch: "e1", seq: 1 } });
  });

  test(`${way}: a message is on its way at once, and leaves when the room shows it`, async () => {
    const client = await openedBy();
    const room = client.room(ROOM);
    room.post("hello");
    expect(room.pending.get().map((one) => one.text)).toEqual(["hello"]);
    await pass();
    expect(textsIn(client)).toEqual(["hello"]);
    expect(room.pending.get()).toEqual([]);
    expect(store.items).toEqual([]);
  });

  test(`${way}: what is asked resolves when it is committed, and rejects with the server's sentence`, async () => {
    const client = await openedBy();
    const room = client.room(ROOM);
    const asked = room.ask({ type: "rename_room", name: "new" });
    await pass();
    expect(await asked).toMatchObject({ type: "accepted" });
    server.onCommand = () => ({ code: "forbidden", message: "your role does not have this right" });
    const refused = room.ask({ type: "rename_room", name: "new" }).catch((error: unknown) => error);
    await pass();
    expect(await refused).toMatchObject({ code: "forbidden", message: "your role does not have this right" });
  });
}

test("messages are never shown twice while one is on its way by POST and comes by the stream", async () => {
  const client = await opened({ makeSocket: refusing });
  await pass(3_000);
  const room = client.room(ROOM);
  const shown: string[][] = [];
  const look = () => shown.push([...(textsIn(client) ?? []), ...room.pending.get().map((one) => one.text)]);
  room.state.subscribe(look);
  room.pending.subscribe(look);
  server.onCommand = (command) => {
    // The event comes by the stream; the answer does not.
    if (command.type !== "post_message" || server.texts.length > 0) return "go on";
    server.commit({
      type: "message_posted",
      actor_id: ME.id,
      message: { id: "ev-1", text: command.text },
      mentions: [],
      mention_groups: [],
      is_redacted: false,
    });
    return "silence";
  };
  room.post("once");
  await pass(0);
  expect(textsIn(client)).toEqual(["once"]);
  expect(room.pending.get()).toEqual([]);
  expect(shown.at(-1)).toEqual(["once"]);
});

function refusing(hears: { onClose(code: number, reason: string): void }) {
  queueMicrotask(() => hears.onClose(1006, ""));
  return { send: () => undefined, close: () => undefined };
}

test("views are told once for all lines of a frame", async () => {
  const client = await opened();
  let told = 0;
  client.room(ROOM).state.subscribe(() => told++);
  server.post("one", true);
  server.post("two", true);
  server.post("three", true);
  server.wire.say(...server.log);
  expect(told).toBe(1);
  expect(textsIn(client)).toEqual(["one", "two", "three"]);
});

test("where a line is missing, the room begins anew from a snapshot", async () => {
  const client = await opened();
  server.post("lost", true);
  server.post("seen");
  await pass();
  expect(textsIn(client)).toEqual(["lost", "seen"]);
  const joins = server.heard("join");
  expect(joins).toHaveLength(2);
  expect(joins[1]).not.toHaveProperty("after");
  server.post("third");
  expect(textsIn(client)).toEqual(["lost", "seen", "third"]);
});

test("a reset in the middle is answered by a join without a place, one within a join is not", async () => {
  const client = await opened();
  server.wire.say({ type: "reset", room_id: ROOM, reason: "rewritten" });
  await pass();
  expect(server.heard("join")).toHaveLength(2);
  server.epoch = "e2";
  server.log = [];
  server.messages = [];
  server.post("another history", true);
  server.wire.cut();
  await pass(3_000);
  expect(textsIn(client)).toEqual(["another history"]);
  expect(client.room(ROOM).state.get()?.epoch).toBe("e2");
  expect(server.heard("join")).toHaveLength(3);
});

test("a room that cannot be opened says why", async () => {
  const client = start();
  const room = client.room("elsewhere");
  await pass();
  expect(room.refused.get()).toMatchObject({ code: "not_found" });
  expect(room.state.get()).toBeUndefined();
});

test("a join that was refused for a moment is tried again", async () => {
  const client = start();
  await pass();
  const heard = server.wire;
  const room = client.room("busy-room");
  await pass();
  // It was refused for good above; now for a moment.
  heard.say({ type: "refused", re: "busy-room", code: "rate_limited", message: "slow", retry_after_s: 2 });
  const before = server.heard("join").length;
  await pass(1_900);
  expect(server.heard("join")).toHaveLength(before);
  await pass(1_000);
  expect(server.heard("join")).toHaveLength(before + 1);
  expect(room.state.get()).toBeUndefined();
});

test("a room is left five minutes after the last who held it, and kept while somebody does", async () => {
  const client = start();
  client.room(ROOM);
  const first = client.hold(ROOM);
  const second = client.hold(ROOM);
  await pass();
  first();
  first();
  await pass(6 * 60_000);
  expect(server.heard("leave")).toHaveLength(0);
  second();
  await pass(4 * 60_000);
  client.room(ROOM);
  await pass(4 * 60_000);
  expect(server.heard("leave")).toHaveLength(0);
  await pass(60_000);
  expect(server.heard("leave")).toMatchObject([{ room_id: ROOM }]);
});

test("what comes while no view shows a room is new to the next one, and nothing is that was read before", async () => {
  for (let count = 1; count <= 120; count++) server.post(`m${count}`);
  const client = start();
  const leave = client.hold(ROOM);
  await pass();
  const room = client.room(ROOM);
  room.markRead(room.state.get()?.seq ?? 0);
  await pass();
  const read = room.state.get()?.read.seq ?? 0;
  leave();
  server.post("while nobody looked");
  await pass();
  client.hold(ROOM);
  expect(room.state.get()?.readBefore).toMatchObject({ seq: read, unread: 1 });
  server.post("while somebody looks");
  await pass();
  expect(room.state.get()?.readBefore).toMatchObject({ seq: read, unread: 1 });
});

test("everything since a seq is fetched, in large pages", async () => {
  for (let count = 1; count <= 420; count++) server.post(`m${count}`);
  const client = await opened();
  const room = client.room(ROOM);
  expect(room.state.get()?.oldestSeq).toBeGreaterThan(100);
  await room.loadSince(100);
  expect(room.state.get()?.oldestSeq).toBeLessThanOrEqual(100);
  expect(textsIn(client)).toContain("m100");
});

test("older messages come with what happened among them, and no more of it, once, however many ask", async () => {
  for (let count = 1; count <= 120; count++) server.post(`m${count}`);
  const client = await opened();
  const room = client.room(ROOM);
  expect(textsIn(client)).toHaveLength(50);
  server.requests.length = 0;
  await Promise.all([room.loadOlder(), room.loadOlder(), room.loadOlder()]);
  expect(server.requests.filter((one) => one.includes("/messages"))).toEqual([
    `GET /api/v1/rooms/${ROOM}/messages?before=ev-71&limit=50`,
  ]);
  expect(server.requests.filter((one) => one.includes("/events"))).toEqual([
    `GET /api/v1/rooms/${ROOM}/events?limit=50&after=e1%3A20`,
  ]);
  await room.loadOlder();
  expect(textsIn(client)).toEqual(server.texts);
  expect(room.state.get()).toMatchObject({ hasOlder: false, oldestSeq: 0 });
  await room.loadOlder();
  expect(textsIn(client)).toHaveLength(120);
});

test("what happened among the messages of a snapshot is loaded with it", async () => {
  server.post("first");
  server.commit({ type: "topic_set", topic: "new" });
  server.post("last");
  const client = await opened();
  expect(
    client
      .room(ROOM)
      .state.get()
      ?.notices.map((event) => event.type),
  ).toEqual(["topic_set"]);
  expect(client.room(ROOM).state.get()?.oldestSeq).toBe(0);
});

test("of a span in which very much happened, only the last is asked for", async () => {
  server.post("first");
  for (let count = 0; count < 7_000; count++) server.commit({ type: "topic_set", topic: `${count}` }, true);
  const client = await opened();
  const pages = server.requests.filter((one) => one.includes("/events"));
  expect(pages).toHaveLength(10);
  expect(pages[0]).toContain("after=e1%3A2001");
  expect(client.room(ROOM).state.get()?.notices).toHaveLength(5_000);
});

test("a guest who came late to a long room is told what happened since", async () => {
  for (let count = 0; count < 6_000; count++) server.commit({ type: "topic_set", topic: `${count}` }, true);
  server.readableFrom = 5_500;
  server.post("after the guest came", true);
  const client = await opened();
  expect(client.room(ROOM).state.get()?.notices[0]?.seq).toBe(5_500);
});

test("what is told of another history is not put beside this one", async () => {
  for (let count = 1; count <= 60; count++) server.post(`m${count}`, true);
  const client = await opened();
  const before = client.room(ROOM).state.get();
  server.epoch = "e2";
  await expect(client.room(ROOM).loadOlder()).rejects.toMatchObject({ code: "conflict" });
  expect(client.room(ROOM).state.get()).toBe(before);
});

test("what lies around a far message is loaded up to it; one that is not there is not", async () => {
  for (let count = 1; count <= 700; count++) server.post(`m${count}`, true);
  const client = await opened();
  const room = client.room(ROOM);
  expect(await room.loadAround("nowhere")).toBe(false);
  expect(textsIn(client)).toHaveLength(50);
  expect(await room.loadAround("ev-100")).toBe(true);
  expect(textsIn(client)?.includes("m100")).toBe(true);
  expect(textsIn(client)).toEqual(server.texts.slice(700 - (textsIn(client)?.length ?? 0)));
});

test("a page that comes after the room began anew is left out", async () => {
  for (let count = 1; count <= 120; count++) server.post(`m${count}`);
  const client = await opened();
  let open: () => void = () => undefined;
  server.gate = new Promise((resolve) => {
    open = resolve;
  });
  const loading = client.room(ROOM).loadOlder();
  await pass();
  server.wire.say({ type: "reset", room_id: ROOM, reason: "rewritten" });
  await pass();
  open();
  await loading;
  expect(textsIn(client)).toEqual(server.texts.slice(-50));
});
