import { expect, test } from "vitest";
import { opened, pass, server, start, textsIn } from "./client.fixture";
import { ME, ROOM } from "./fakeServer";
import { Refused } from "./types";

test("typing is told every three seconds while somebody types, and its end once", async () => {
  const client = await opened();
  const room = client.room(ROOM);
  const told = () => server.heard("set_typing").map((line) => line.is_typing);
  for (let key = 0; key < 14; key++) {
    room.setTyping(true);
    await pass(500);
  }
  expect(told()).toEqual([true, true, true]);
  await pass(10_000);
  expect(told()).toEqual([true, true, true, false]);
  room.setTyping(true);
  room.post("done");
  await pass(10_000);
  expect(told()).toEqual([true, true, true, false, true]);
});

test("how far a room is read is told once for many marks, and again after a break", async () => {
  for (let count = 1; count <= 9; count++) server.post(`m${count}`);
  const client = await opened();
  const room = client.room(ROOM);
  for (let seq = 1; seq <= 7; seq++) room.markRead(seq);
  room.markRead(3);
  expect(room.state.get()?.read).toMatchObject({ seq: 7, unread: 2 });
  await pass(1_000);
  expect(server.heard("mark_read").map((line) => line.seq)).toEqual([7]);
  server.isAway = true;
  server.wire.cut();
  room.markRead(9);
  await pass(60_000);
  server.isAway = false;
  await pass(60_000);
  expect(server.heard("mark_read").map((line) => line.seq)).toEqual([7, 9]);
});

test("the list of rooms comes at the start, and moves with what is told and with what is open", async () => {
  server.post("one");
  const client = start();
  await pass();
  expect(client.rooms.get()?.get(ROOM)).toMatchObject({ name: "deploy", unread: 1, role: "owner" });
  server.wire.say({ type: "room_activity", room_id: ROOM, seq: 5, unread: 4, mentions: 1, is_ai_working: true });
  expect(client.rooms.get()?.get(ROOM)).toMatchObject({ unread: 4, mentions: 1, isAiWorking: true });
  server.wire.say({ type: "read_marked", room_id: ROOM, seq: 5 });
  expect(client.rooms.get()?.get(ROOM)).toMatchObject({ unread: 0, mentions: 0 });
  client.hold(ROOM);
  await pass();
  server.commit({ type: "room_renamed", name: "renamed" });
  expect(client.rooms.get()?.get(ROOM)?.name).toBe("renamed");
  server.wire.say({ type: "room_removed", room_id: ROOM });
  expect(client.rooms.get()?.has(ROOM)).toBe(false);
  const asked = server.requests.filter((one) => one === "GET /api/v1/rooms").length;
  await pass();
  server.wire.say({ type: "room_added", room: server.snapshot().room });
  await pass();
  expect(server.requests.filter((one) => one === "GET /api/v1/rooms").length).toBeGreaterThan(asked);
  expect(client.rooms.get()?.has(ROOM)).toBe(true);
});

test("who left a room and is taken in again sees it again", async () => {
  server.post("one");
  const client = await opened();
  server.commit({ type: "member_left", actor_id: ME.id, account_id: ME.id });
  expect(client.room(ROOM).state.get()?.isLeft).toBe(true);
  server.wire.joined.clear();
  server.wire.say({ type: "room_added", room: server.snapshot().room });
  await pass();
  expect(client.room(ROOM).state.get()?.isLeft).toBe(false);
  server.post("two");
  expect(textsIn(client)).toEqual(["one", "two"]);
});

test("an answer that a break kept away is asked for again under the same key", async () => {
  const client = await opened();
  server.onCommand = (_, wire) => {
    server.onCommand = () => "go on";
    wire?.cut();
    return "silence";
  };
  const asked = client.room(ROOM).ask({ type: "rename_room", name: "new" });
  await pass(3_000);
  expect(await asked).toMatchObject({ type: "accepted" });
  const keys = server.heard("rename_room").map((line) => line.key);
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
});

test("what is asked while nothing answers is given up after half a minute", async () => {
  const client = await opened();
  server.isAway = true;
  server.wire.cut();
  const asked = client.room(ROOM).ask({ type: "rename_room", name: "new" });
  const outcome = asked.catch((error: unknown) => error);
  let isOver = false;
  void outcome.then(() => {
    isOver = true;
  });
  await pass(29_000);
  expect(isOver).toBe(false);
  await pass(2_000);
  expect(await outcome).toBeInstanceOf(Refused);
  expect(await outcome).toMatchObject({ code: "offline" });
});

test("what is too big for a frame is refused here, and the connection stays", async () => {
  const client = await opened();
  const outcome = client
    .room(ROOM)
    .ask({ type: "pin_fact", text: "界".repeat(30_000) })
    .catch((error: unknown) => error);
  await pass();
  expect(await outcome).toMatchObject({ code: "too_big" });
  expect(server.heard("pin_fact")).toHaveLength(0);
  expect(client.status.get().kind).toBe("online");
});

test("the words of a running turn come piece by piece, and the clock of the server is known", async () => {
  const client = await opened();
  const turn = { turn_id: "t1", ai_id: "sam", reason: "asked" };
  server.commit({ type: "turn_requested", ...turn, actor_id: ME.id });
  server.wire.say({ type: "ai_delta", room_id: ROOM, turn_id: "t1", index: 0, offset: 0, text: "🙂 Hel" });
  server.wire.say({ type: "ai_delta", room_id: ROOM, turn_id: "t1", index: 1, offset: 5, text: "lo" });
  expect(client.room(ROOM).tail("t1").get().text).toBe("🙂 Hello");
  expect(client.clockOffsetMs.get()).toBe(Date.parse("2026-01-31T12:00:00.000Z") - Date.now());
  expect(client.sandbox.get()).toBe("strict");
});
