/** What a tool call is after each thing that is told of it. */

import { describe, expect, it } from "vitest";
import type { ApprovalRequested, Event, FilesChanged } from "../protocol/wire";
import { called, ended, folded, head, posted, requested } from "./scenes.fixture";
import { callKey } from "./state";

const ABOUT = { turn_id: "t", call_id: "c" };

function asked(seq: number, needed = 1): ApprovalRequested {
  const card = { tool_class: "terminal", sha256: "a", decider: "admin", needed, reason: "", expires_at: "" } as const;
  return { ...head(seq, "bot"), ...ABOUT, type: "approval_requested", ...card };
}

function decided(seq: number, by: string, isApproved: boolean): Event {
  return { ...head(seq, by), ...ABOUT, type: "approval_decided", is_approved: isApproved };
}

function started(seq: number): Event {
  return { ...head(seq, "bot"), ...ABOUT, type: "tool_started", tool_class: "terminal" };
}

function finished(seq: number, isOk: boolean, isRedacted = false): Event {
  return {
    ...head(seq, "bot"),
    ...ABOUT,
    type: "tool_finished",
    is_ok: isOk,
    text: "out",
    exit_status: 3,
    is_redacted: isRedacted,
  };
}

function changed(seq: number, path: string, kind: "added" | "changed" | "removed", askedBy = "bob"): FilesChanged {
  const span = { before: `before${seq}`, after: `after${seq}`, asked_by: [askedBy] };
  return { ...head(seq, "bot"), ...ABOUT, type: "files_changed", changes: [{ path, kind }], ...span };
}

function undone(seq: number, isOk: boolean): Event {
  return { ...head(seq, "bob"), type: "turn_undone", turn_id: "t", is_ok: isOk, changes: [] };
}

function callAfter(...events: Event[]) {
  const state = folded([posted(2, "bob"), requested(3, "t", "m2"), called(4, "t", "c"), ...events]);
  const call = state.calls.get(callKey("t", "c"));
  if (call === undefined) throw new Error("it was called");
  return call;
}

describe("a call", () => {
  it.each([
    ["waiting", []],
    ["asking", [asked(5)]],
    ["asking", [asked(5, 2), decided(6, "alice", true)]],
    ["waiting", [asked(5), decided(6, "alice", true)]],
    ["denied", [asked(5), decided(6, "alice", false)]],
    ["denied", [asked(5), decided(6, "alice", false), finished(7, false)]],
    ["expired", [asked(5), { ...head(6, "bot"), ...ABOUT, type: "approval_expired" }, finished(7, false)]],
    ["running", [started(5)]],
    ["ok", [started(5), finished(6, true)]],
    ["failed", [started(5), finished(6, false)]],
    ["failed", [started(5), finished(6, false), ended(7, "t")]],
    ["ended", [started(5), ended(6, "t", undefined, "stopped")]],
    ["ended", [asked(5), ended(6, "t")]],
  ] satisfies [string, Event[]][])("is %s after what was told of it", (state, events) => {
    expect(callAfter(...events).state).toBe(state);
  });

  it("says who asked, what it is and what came of it", () => {
    expect(callAfter(started(5), finished(6, false))).toMatchObject({
      key: "t/c",
      aiId: "bot",
      askers: ["bob"],
      name: "execute_command",
      toolClass: "terminal",
      seq: 4,
      calledAt: head(4, "").at,
      startedAt: head(5, "").at,
      finishedAt: head(6, "").at,
      text: "out",
      exitStatus: 3,
      isRedacted: false,
    });
    expect(callAfter(started(5), finished(6, true, true)).isRedacted).toBe(true);
  });

  it("has what it changed, later changes of its job too, until its turn is undone", () => {
    const both = callAfter(changed(5, "a", "added"), changed(6, "a", "changed", "alice"), changed(7, "b", "added"));
    expect(both.changed).toMatchObject({
      changes: [
        { path: "a", kind: "added" },
        { path: "b", kind: "added" },
      ],
      before: "before5",
      after: "after7",
      asked_by: ["bob", "alice"],
    });
    const refused = callAfter(changed(5, "a", "added"), ended(6, "t"), undone(7, false));
    expect([refused.undone?.is_ok, refused.changed?.changes.length]).toEqual([false, 1]);
    const again = callAfter(changed(5, "a", "added"), ended(6, "t"), undone(7, true), changed(8, "b", "added"));
    expect([again.undone, again.changed?.changes]).toEqual([undefined, [{ path: "b", kind: "added" }]]);
  });
});

it("an ended turn says who asked, and who had it stopped", () => {
  const stop: Event = { ...head(4, "alice"), type: "turn_stop_requested", turn_id: "t" };
  const state = folded([posted(2, "bob"), requested(3, "t", "m2"), stop, ended(5, "t", undefined, "stopped")]);
  expect(state.ended.get("t")).toMatchObject({ askers: ["bob"], stoppedBy: "alice", requestedSeq: 3, seq: 5 });
  expect([state.turns.size, state.stopping.size]).toEqual([0, 0]);
  const superseded = folded([
    requested(2, "t"),
    { ...stop, seq: 3, superseded_by: "u" },
    ended(4, "t", undefined, "stopped"),
  ]);
  expect(superseded.ended.get("t")?.stoppedBy).toBeUndefined();
});
