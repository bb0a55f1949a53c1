import { expect, test } from "vitest";
import type { RoomActivity } from "../protocol/wire";
import { opened, pass, server, start, textsIn } from "./client.fixture";
import { ME, ROOM } from "./fakeServer";
import { Refused } from "./types";

/** What the server tells of a room that is not open. */
function activity(more: Partial<RoomActivity>): RoomActivity {
  const nothing = { unread: 0, mentions: 0, is_ai_working: false, needs_approval: false };
  const named = { name: "deploy", topic: "", is_archived: false };
  return { type: "room_activity", room_id: ROOM, seq: 0, ...nothing, ...named, ...more };
}

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
  server.wire.say(activity({ seq: 5, unread: 4, mentions: 1, is_ai_working: true }));
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

test("a room says that its AI waits for a yes, until somebody decides, and still when nobody looks any more", async () => {
  const client = start();
  const letGo = client.hold(ROOM);
  await pass();
  const needs = () => client.rooms.get()?.get(ROOM)?.needsApproval ?? false;
  const about = { turn_id: "t", call_id: "c" };
  const card = { tool_class: "terminal", sha256: "a", decider: "admin", needed: 1, reason: "", expires_at: "" };
  server.commit({ type: "turn_requested", turn_id: "t", ai_id: "bot", reason: "mention" });
  server.commit({ type: "tool_called", actor_id: "bot", name: "execute_command", arguments: "{}", ...about });
  expect(needs()).toBe(false);
  server.commit({ type: "approval_requested", actor_id: "bot", ...about, ...card });
  expect(needs()).toBe(true);
  server.commit({ type: "approval_decided", is_approved: true, ...about });
  expect(needs()).toBe(false);
  server.commit({ type: "tool_called", actor_id: "bot", name: "ls", arguments: "{}", turn_id: "t", call_id: "d" });
  server.commit({ type: "approval_requested", actor_id: "bot", turn_id: "t", call_id: "d", ...card });
  expect(needs()).toBe(true);
  letGo();
  await pass(6 * 60_000);
  expect(server.heard("leave")).toHaveLength(1);
  expect(needs()).toBe(true);
  server.wire.say(activity({ seq: 6, needs_approval: false }));
  expect(needs()).toBe(false);
});

test("a room that is not open is marked while its AI works, and is called what it is called now", async () => {
  server.post("one");
  const client = start();
  await pass();
  const entry = () => client.rooms.get()?.get(ROOM);
  server.wire.say(activity({ seq: 3, unread: 1, is_ai_working: true }));
  expect(entry()).toMatchObject({ seq: 3, unread: 1, isAiWorking: true, needsApproval: false });
  server.wire.say(activity({ seq: 4, unread: 1, is_ai_working: true, needs_approval: true }));
  expect(entry()).toMatchObject({ isAiWorking: true, needsApproval: true });
  server.wire.say(activity({ seq: 7, unread: 2 }));
  expect(entry()).toMatchObject({ unread: 2, isAiWorking: false, needsApproval: false });
  server.wire.say(activity({ seq: 9, name: "launch", topic: "on Friday", is_archived: true }));
  expect(entry()).toMatchObject({ seq: 9, name: "launch", topic: "on Friday", isArchived: true });
  server.wire.say(activity({ seq: 10, name: "launch" }));
  expect(entry()).toMatchObject({ name: "launch", topic: "", isArchived: false });
});

test("a line about a room says nothing of it that the list, read later, has otherwise", async () => {
  for (let count = 1; count <= 5; count++) server.post(`m${count}`);
  const client = start();
  await pass();
  server.wire.say(activity({ seq: 4, unread: 4, is_ai_working: true, name: "before" }));
  expect(client.rooms.get()?.get(ROOM)).toMatchObject({ seq: 5, unread: 5, isAiWorking: false, name: "deploy" });
});

test("a server that does not tell of names leaves them as they are", async () => {
  const client = start();
  await pass();
  server.wire.say({ type: "room_activity", room_id: ROOM, seq: 5, unread: 4, mentions: 1, is_ai_working: true });
  expect(client.rooms.get()?.get(ROOM)).toMatchObject({ name: "deploy", topic: "", isArchived: false, unread: 4 });
});

test("after a break the list says anew whether an AI works or waits", async () => {
  server.post("one");
  server.listed = { is_ai_working: true, needs_approval: true };
  const client = start();
  await pass();
  const entry = () => client.rooms.get()?.get(ROOM);
  expect(entry()).toMatchObject({ isAiWorking: true, needsApproval: true });
  // It ends while nobody hears it.
  server.listed = {};
  server.post("two", true);
  server.wire.cut();
  await pass(60_000);
  expect(entry()).toMatchObject({ unread: 2, isAiWorking: false, needsApproval: false });
});

test("what is told while the list is on its way stands, unless the list is newer", async () => {
  server.post("one");
  const client = start();
  await pass();
  const slow = async (line: RoomActivity) => {
    let open = () => {};
    server.gate = new Promise((resolve) => {
      open = resolve;
    });
    server.wire.say({ type: "room_added", room: server.snapshot().room });
    await pass();
    server.wire.say(line);
    open();
    await pass();
    return client.rooms.get()?.get(ROOM);
  };
  const told = { name: "launch", unread: 3, is_ai_working: true };
  expect(await slow(activity({ seq: 4, ...told }))).toMatchObject({ seq: 4, name: "launch", isAiWorking: true });
  for (let count = 2; count <= 6; count++) server.post(`m${count}`, true);
  expect(await slow(activity({ seq: 5, ...told }))).toMatchObject({ seq: 6, name: "deploy", isAiWorking: false });
});

test("a room of which the list knows nothing is asked for", async () => {
  const client = start();
  await pass();
  const asked = () => server.requests.filter((one) => one === "GET /api/v1/rooms").length;
  const before = asked();
  server.wire.say(activity({ seq: 1 }));
  await pass();
  expect(asked()).toBe(before);
  server.wire.say(activity({ room_id: "room-2", seq: 1 }));
  await pass();
  expect(asked()).toBe(before + 1);
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
