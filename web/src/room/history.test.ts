/** What older lines of the log tell of calls, turns and people that are here already. */

import { expect, it } from "vitest";
import type { Event } from "../protocol/wire";
import { withHistory } from "./history";
import { called, ended, folded, head, member, posted, requested, snapshotOf } from "./scenes.fixture";
import { fromSnapshot } from "./snapshot";

const CHANGED: Event = {
  ...head(5, "bot"),
  type: "files_changed",
  turn_id: "t",
  call_id: "c",
  changes: [],
  before: "",
  after: "",
};

/** What a client holds that came at `seq`, and has folded in the rest of the log since. */
function heldFrom(seq: number, log: readonly Event[]) {
  const before = folded(log.filter((event) => event.seq <= seq));
  const later = log.filter((event) => event.seq > seq);
  return folded(later, "alice", fromSnapshot(snapshotOf(before), "epoch"));
}

it("a call of before is told of the undoing of its turn", () => {
  const undone: Event = { ...head(7, "bob"), type: "turn_undone", turn_id: "t", is_ok: true, changes: [] };
  const log = [posted(2, "bob"), requested(3, "t", "m2"), called(4, "t", "c"), CHANGED, ended(6, "t"), undone];
  const state = withHistory(heldFrom(6, log), [], log, 1, false);
  expect(state.calls.get("t/c")).toMatchObject({ changed: CHANGED, undone, state: "ended" });
});

it("a call of before that its turn left open is over with it", () => {
  const log = [requested(2, "t"), called(3, "t", "c"), posted(4, "bob"), ended(5, "t", undefined, "stopped")];
  // As to a guest: who may not read what was before is not told of the calls of then.
  const held = { ...heldFrom(4, log), calls: new Map() };
  expect(withHistory(held, [], log, 1, false).calls.get("t/c")?.state).toBe("ended");
});

it("who asked, and who had it stopped, is learnt of a turn that ended here", () => {
  const stop: Event = { ...head(3, "alice"), type: "turn_stop_requested", turn_id: "t" };
  const log = [requested(2, "t"), stop, posted(4, "bob"), ended(5, "t", undefined, "stopped")];
  const held = heldFrom(4, log);
  expect(held.ended.get("t")?.stoppedBy).toBeUndefined();
  expect(withHistory(held, [], log, 1, false).ended.get("t")?.stoppedBy).toBe("alice");
  const early = withHistory(heldFrom(4, log.slice(0, 3)), [], log, 1, false);
  expect(folded(log.slice(3), "alice", early).ended.get("t")?.stoppedBy).toBe("alice");
});

it("a page without its log leaves the rest to be read, and a log that was read already comes once", () => {
  const log = [posted(2, "bob"), requested(3, "t", "m2"), called(4, "t", "c"), ended(5, "t", undefined, "stopped")];
  const held = { ...heldFrom(5, log), messages: [] };
  const page = withHistory(held, folded(log).messages, [], held.oldestSeq, false);
  expect([page.messages.length, page.oldestSeq, page.calls.size]).toEqual([1, 5, 0]);
  const whole = withHistory(page, [], log, 1, false);
  expect([whole.calls.size, whole.notices.map((event) => event.seq), whole.oldestSeq]).toEqual([1, [5], 1]);
  expect(withHistory(whole, [], log, 1, false).notices).toEqual(whole.notices);
});

it("who wrote an old message is known by the line of their joining, unless they were erased", () => {
  const joined = (seq: number, accountId: string): Event => ({
    ...head(seq, "alice"),
    type: "member_joined",
    member: member(accountId, "member", seq),
  });
  const removed = (seq: number, accountId: string, isErased: boolean): Event => ({
    ...head(seq, "alice"),
    type: "member_removed",
    account_id: accountId,
    is_banned: false,
    is_expired: false,
    is_erased: isErased,
  });
  const log = [joined(2, "carol"), joined(3, "dave"), removed(4, "carol", false), removed(5, "dave", true)];
  for (const cut of [1, 2, 3, 4, 5]) {
    const state = withHistory(heldFrom(cut, log), [], log, 1, false);
    expect([...state.gone.keys()], `from ${cut}`).toEqual(["carol"]);
  }
  const erasedLater = folded([removed(6, "carol", true)], "alice", heldFrom(1, log));
  expect([...withHistory(erasedLater, [], log, 1, false).gone.keys()]).toEqual([]);
});

it("a guest who becomes a member stays for good", () => {
  const guest = { ...member("gwen", "guest", 2), until: "2026-02-01T00:00:00.000Z" };
  const joined: Event = { ...head(2, "alice"), type: "member_joined", member: guest };
  const rises: Event = {
    ...head(3, "alice"),
    type: "role_changed",
    account_id: "gwen",
    role: "member",
    previous: "guest",
  };
  const until = (...events: Event[]) => folded(events).members.get("gwen")?.until;
  expect([until(joined), until(joined, rises)]).toEqual([guest.until, undefined]);
});

it("this account is told that it is a member no more, and who left is neither there nor typing", () => {
  const left: Event = { ...head(2, "bob"), type: "member_left", account_id: "bob" };
  const state = { ...folded([]), online: new Set(["alice", "bob"]), typing: new Set(["bob"]) };
  const after = folded([left], "bob", state);
  expect([after.isLeft, folded([left], "alice", state).isLeft]).toEqual([true, false]);
  expect([[...after.online], [...after.typing], after.gone.has("bob")]).toEqual([["alice"], [], true]);
});
