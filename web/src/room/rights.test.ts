/** Who may do what in a room, and in whose turns. */

import { describe, expect, it } from "vitest";
import type { ApprovalCard, Event, Message, RoomSettings } from "../protocol/wire";
import {
  deciders,
  highestRoleGivenBy,
  may,
  mayChoose,
  mayDecide,
  mayRegenerate,
  maySteer,
  mayStop,
  mayUndo,
} from "./rights";
import { CREATED, called, created, ended, folded, head, member, posted, requested } from "./scenes.fixture";
import type { RoomState } from "./state";

const MEMBERS = [
  member("alice", "owner"),
  member("ada", "admin"),
  member("bob"),
  member("carol"),
  member("gwen", "guest"),
  member("bot", "ai"),
];
const EVERYONE = [...MEMBERS.map((one) => one.account_id), "mallory"];

function room(settings: RoomSettings = {}): RoomState {
  return created({ ...CREATED, members: MEMBERS, settings });
}

function whoever(test: (meId: string) => boolean): readonly string[] {
  return EVERYONE.filter(test);
}

describe("a right", () => {
  it("is given by role, and by the room's switches", () => {
    expect(may("post", "guest", {})).toBe(false);
    expect(may("post", "guest", { guests_post: true })).toBe(true);
    expect(may("invite", "member", { members_invite: true })).toBe(true);
    expect([may("archive", "admin", {}), may("archive", "owner", {})]).toEqual([false, true]);
    expect(may("approve", "owner", {})).toBe(false);
  });

  it("towards another is one towards lower ranks", () => {
    expect([may("remove", "admin", {}), may("remove", "admin", {}, { towards: "admin" })]).toEqual([false, false]);
    expect(may("remove", "admin", {}, { towards: "member" })).toBe(true);
    expect(may("remove", "owner", {}, { towards: "owner" })).toBe(true);
  });

  it("to give a role ends below one's own, and an invite makes nobody an owner", () => {
    const given = (byInvite: boolean, settings: RoomSettings = {}) =>
      (["owner", "admin", "member", "guest"] as const).map((role) => highestRoleGivenBy(role, settings, byInvite));
    expect(given(false)).toEqual(["owner", "member", undefined, undefined]);
    expect(given(true)).toEqual(["admin", "member", undefined, undefined]);
    expect(given(true, { members_invite: true })).toEqual(["admin", "member", "member", undefined]);
  });
});

describe("a turn", () => {
  const stop: Event = { ...head(4, "bob"), type: "turn_stop_requested", turn_id: "t" };
  const running = folded([posted(2, "bob"), requested(3, "t", "m2")], "alice", room());
  const turn = [...running.turns.values()][0];
  if (turn === undefined) throw new Error("it runs");

  it("is stopped by admins and by whoever is among those who asked", () => {
    const shared = { ...turn, askers: ["bob", "gwen"] };
    expect(whoever((me) => mayStop(running, me, shared))).toEqual(["alice", "ada", "bob", "gwen"]);
    const stopped = [...folded([stop], "alice", running).turns.values()][0] ?? turn;
    expect(whoever((me) => mayStop(running, me, stopped))).toEqual([]);
  });

  it("is steered by admins and by who alone asked", () => {
    expect(whoever((me) => maySteer(running, me, turn))).toEqual(["alice", "ada", "bob"]);
    expect(whoever((me) => maySteer(running, me, { ...turn, askers: ["bob", "carol"] }))).toEqual(["alice", "ada"]);
    expect(whoever((me) => maySteer(running, me, { ...turn, replaces: "m9" }))).toEqual([]);
    const archived: Event = { ...head(4, "alice"), type: "room_archived", is_archived: true };
    expect(whoever((me) => maySteer(folded([archived], "alice", running), me, turn))).toEqual([]);
  });

  it("is undone once it has ended and changed files, by admins and by who alone asked", () => {
    const changes = { changes: [], before: "", after: "", asked_by: ["bob"] };
    const changed: Event = { ...head(5, "bot"), type: "files_changed", turn_id: "t", call_id: "c", ...changes };
    const before = folded([called(4, "t", "c"), changed], "alice", running);
    expect(whoever((me) => mayUndo(before, me, "t"))).toEqual([]);
    const after = folded([ended(6, "t")], "alice", before);
    expect(whoever((me) => mayUndo(after, me, "t"))).toEqual(["alice", "ada", "bob"]);
    const undone: Event = { ...head(7, "bob"), type: "turn_undone", turn_id: "t", is_ok: true, changes: [] };
    expect(whoever((me) => mayUndo(folded([undone], "alice", after), me, "t"))).toEqual([]);
  });
});

describe("an answer", () => {
  const answered = folded(
    [requested(2, "t"), posted(3, "bot", "yes", { turn_id: "t", asked_by: ["bob"] }), ended(4, "t", "m3")],
    "alice",
    room(),
  );
  const answer = answered.messages[0];
  if (answer === undefined) throw new Error("it was given");

  it("is asked for again by admins and by who alone asked, once at a time", () => {
    expect(whoever((me) => mayRegenerate(answered, me, answer))).toEqual(["alice", "ada", "bob"]);
    const both: Message = { ...answer, asked_by: ["bob", "carol"] };
    expect(whoever((me) => mayRegenerate(answered, me, both))).toEqual(["alice", "ada"]);
    const again: Event = {
      ...head(5, "bob"),
      type: "turn_requested",
      turn_id: "u",
      ai_id: "bot",
      reason: "regenerate",
      replaces: "m3",
    };
    expect(whoever((me) => mayRegenerate(folded([again], "alice", answered), me, answer))).toEqual([]);
    expect(whoever((me) => mayRegenerate(answered, me, { ...answer, author_id: "carol" }))).toEqual([]);
  });

  it("is chosen where there are several", () => {
    expect(whoever((me) => mayChoose(answered, me, answer))).toEqual([]);
    const first = { turn_id: "t", at: "", text: "" };
    expect(whoever((me) => mayChoose(answered, me, { ...answer, alternatives: [first, first] }))).toEqual([
      "alice",
      "ada",
      "bob",
    ]);
  });
});

describe("an approval", () => {
  const card: ApprovalCard = {
    tool_class: "terminal",
    sha256: "",
    decider: "admin",
    needed: 1,
    reason: "",
    expires_at: "",
    approved_by: [],
  };
  const bobs = { askers: ["bob"] };

  it("is decided by admins, and by who asked where they may confirm", () => {
    expect(whoever((me) => mayDecide(room(), me, bobs, card))).toEqual(["alice", "ada"]);
    expect(whoever((me) => mayDecide(room(), me, bobs, { ...card, decider: "asker" }))).toEqual([
      "alice",
      "ada",
      "bob",
    ]);
    expect(whoever((me) => mayDecide(room(), me, { askers: ["gwen", "bot"] }, { ...card, decider: "asker" }))).toEqual([
      "alice",
      "ada",
    ]);
  });

  it("is never decided by who asked, where the room says so", () => {
    const strict = room({ approvals: { not_asker: true } });
    expect(whoever((me) => mayDecide(strict, me, { askers: ["alice", "bob"] }, { ...card, decider: "asker" }))).toEqual(
      ["ada"],
    );
  });

  it("names who can decide it, the highest first", () => {
    expect(deciders(room(), bobs, { ...card, decider: "asker" }).map((one) => one.account_id)).toEqual([
      "alice",
      "ada",
      "bob",
    ]);
  });
});
