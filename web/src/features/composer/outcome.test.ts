import { describe, expect, it } from "vitest";
import type { Member, Snapshot, TurnState } from "../../protocol/wire";
import { fromSnapshot } from "../../room/snapshot";
import type { RoomState } from "../../room/state";
import { COMMANDS, type SlashName } from "../suggesting/slash";
import { addressed, allowedCommands, outcomeOf } from "./outcome";
import { busyTurn, lastOwn, queueing, stoppable, whyClosed } from "./room";
import { wayOf } from "./useSending";

const AT = "2026-11-22T10:00:00Z";
const member = (id: string, role: Member["role"]): Member => ({
  account_id: id,
  kind: role === "ai" ? "ai" : "human",
  handle: id,
  display_name: id,
  role,
  joined_at: AT,
  joined_seq: 1,
});

function turn(id: string, asker: string, more: Partial<TurnState> = {}): TurnState {
  return {
    turn_id: id,
    ai_id: "echo",
    askers: [asker],
    messages: [],
    requested_at: AT,
    requested_seq: 5,
    reason: "mention",
    hops: 0,
    note: "",
    is_unattended: false,
    fence: 1,
    steering: [],
    taint: [],
    is_stop_requested: false,
    calls: [],
    steps: 0,
    text: "",
    text_index: 0,
    cards: [],
    ...more,
  };
}

function room(turns: readonly TurnState[] = [], more: Partial<Snapshot> = {}): RoomState {
  return fromSnapshot(
    {
      room: { id: "r", kind: "room", name: "demo", topic: "", settings: {}, created_at: AT },
      seq: 9,
      members: [member("alice", "owner"), member("bob", "member"), member("gast", "guest"), member("echo", "ai")],
      banned: [],
      pins: [],
      turns,
      facts: [],
      proposals: [],
      budget: {},
      messages: [],
      has_older: false,
      online: [],
      read: { seq: 9, unread: 0, mentions: 0 },
      ...more,
    },
    "1",
  );
}

function outcome(name: SlashName, rest: string, state: RoomState, meId = "alice") {
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new Error(`there is no ${name}`);
  return outcomeOf(command, rest, state, meId);
}

describe("a command", () => {
  it("asks the AI that it names, else the default one", () => {
    expect(outcome("ask", "what is up?", room())).toEqual({ kind: "post", text: "@echo what is up?" });
    expect(outcome("ask", "@echo what is up?", room())).toEqual({ kind: "post", text: "@echo what is up?" });
    expect(outcome("ask", "", room())).toEqual({ kind: "ask", asked: { type: "ask_ai", ai_id: "echo" } });
  });
  it("wants words where there is nothing to do without", () => {
    expect(outcome("topic", "", room())).toEqual({ kind: "problem", problem: "noWords" });
    expect(outcome("topic", "lags", room())).toEqual({ kind: "ask", asked: { type: "set_topic", topic: "lags" } });
  });
  it("stops the newest turn that runs, and says so where there is none", () => {
    const turns = [
      turn("t1", "alice"),
      turn("t2", "bob", { requested_seq: 7 }),
      turn("t3", "bob", { fence: 0, requested_seq: 8 }),
    ];
    expect(outcome("stop", "", room(turns))).toEqual({ kind: "ask", asked: { type: "stop_turn", turn_id: "t2" } });
    expect(outcome("stop", "", room(turns), "gast")).toEqual({ kind: "problem", problem: "nothingToStop" });
    expect(outcome("stop", "", room())).toEqual({ kind: "problem", problem: "nothingToStop" });
  });
  it("is offered only to who may carry it out, and only when there is something to do", () => {
    const names = (state: RoomState, meId: string) => allowedCommands(state, meId).map((one) => one.name);
    expect(names(room(), "alice")).not.toContain("stop");
    expect(names(room([turn("t1", "alice")]), "alice")).toEqual(expect.arrayContaining(["stop", "steer", "rename"]));
    expect(names(room(), "bob")).not.toContain("rename");
    expect(names(room(), "gast")).not.toContain("ask");
  });
  it("addresses an AI once", () => {
    const ai = member("echo", "ai");
    expect(addressed("look at this", ai)).toBe("@echo look at this");
    expect(addressed("look, @Echo", ai)).toBe("look, @Echo");
    expect(addressed("@echoes of it", ai)).toBe("@echo @echoes of it");
  });
});

describe("words for an AI at work", () => {
  it("are told to one's own turn, rather than to the newest", () => {
    const turns = [turn("mine", "bob"), turn("newer", "alice", { requested_seq: 7 })];
    expect(busyTurn(room(turns), "bob")?.turn_id).toBe("mine");
    expect(queueing(room(turns), "bob")).toMatchObject({ kind: "steer", turn: { turn_id: "mine" } });
  });
  it("are a request where the turn is another's and one may not steer it", () => {
    expect(queueing(room([turn("t", "alice")]), "bob")?.kind).toBe("ask");
    expect(queueing(room([turn("t", "bob")]), "alice")?.kind).toBe("steer");
    expect(queueing(room([turn("t", "bob")]), "gast")).toBeUndefined();
    expect(queueing(room([turn("t", "bob", { is_stop_requested: true })]), "bob")).toBeUndefined();
  });
  it("go to the room with Enter, and to the turn with Alt-Enter", () => {
    const state = room([turn("t", "alice")]);
    expect(wayOf(state, "alice", "send", undefined, false, "hi")).toEqual({ kind: "post", text: "hi" });
    expect(wayOf(state, "alice", "queue", undefined, false, "hi")).toEqual({ kind: "steer", turnId: "t" });
    expect(wayOf(state, "bob", "queue", undefined, false, "hi")).toEqual({ kind: "post", text: "@echo hi" });
    expect(wayOf(room(), "alice", "queue", undefined, false, "hi")).toEqual({ kind: "post", text: "hi" });
  });
  it("are a message where files go with them", () => {
    const state = room([turn("t", "alice")]);
    expect(wayOf(state, "alice", "queue", undefined, true, "see")).toEqual({ kind: "post", text: "@echo see" });
  });
  it("go to the room when what they were aimed at has ended", () => {
    const target = { kind: "steer", id: "t" } as const;
    expect(wayOf(room([turn("t", "alice")]), "alice", "send", target, false, "hi")).toEqual({
      kind: "steer",
      turnId: "t",
    });
    expect(wayOf(room(), "alice", "send", target, false, "hi")).toEqual({ kind: "post", text: "hi" });
  });
});

describe("a composer", () => {
  it("is closed for a guest who may not post, and where the room is archived", () => {
    expect(whyClosed(room(), "alice")).toBeUndefined();
    expect(whyClosed(room(), "gast")).toBe("guest");
    const open = room();
    const posts = { ...open, room: { ...open.room, settings: { guests_post: true } } };
    expect(whyClosed(posts, "gast")).toBeUndefined();
    expect(whyClosed({ ...open, room: { ...open.room, archived_at: AT } }, "alice")).toBe("archived");
    expect(whyClosed({ ...open, isLeft: true }, "alice")).toBe("left");
  });
  it("stops nothing that is not one's own as a member", () => {
    expect(stoppable(room([turn("t", "alice")]), "bob")).toBeUndefined();
    expect(stoppable(room([turn("t", "bob")]), "bob")?.turn_id).toBe("t");
  });
  it("edits one's own last message that still stands, in a thread one of the thread", () => {
    const said = (id: string, seq: number, more: object = {}) => ({
      id,
      seq,
      author_id: "alice",
      at: AT,
      text: id,
      mentions: [],
      mention_groups: [],
      revision: 0,
      reactions: [],
      chosen: 0,
      ...more,
    });
    const state = room([], {
      messages: [said("m1", 2), said("m2", 3, { thread_root: "m1" }), said("m3", 4), said("m4", 5, { deleted_at: AT })],
    });
    expect(lastOwn(state, "alice", undefined)?.id).toBe("m3");
    expect(lastOwn(state, "alice", "m1")?.id).toBe("m2");
    expect(lastOwn(state, "bob", undefined)).toBeUndefined();
  });
});
