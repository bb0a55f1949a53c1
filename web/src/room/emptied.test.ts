/** What tools were told and brought goes with the message that asked for it, on the screen as in the server's log. */

import { describe, expect, it } from "vitest";
import type { Event } from "../protocol/wire";
import { applyEvent } from "./applyEvent";
import { withHistory } from "./history";
import { called, created, ended, folded, head, posted, requested, snapshotOf } from "./scenes.fixture";
import { fromSnapshot } from "./snapshot";
import type { RoomState, ToolCall } from "./state";
import { timelineOf } from "./timeline";

const finished = (seq: number, turnId: string, callId: string): Event => ({
  ...head(seq, "bot"),
  type: "tool_finished",
  turn_id: turnId,
  call_id: callId,
  is_ok: true,
  text: "what it brought",
});
const deleted = (seq: number, messageId: string): Event => ({
  ...head(seq, "bob"),
  type: "message_deleted",
  message_id: messageId,
});

const shown = (state: RoomState): readonly ToolCall[] =>
  timelineOf(state, []).flatMap((item) => (item.kind === "call" ? [item.call] : []));
const words = (state: RoomState) => shown(state).map((call) => [call.arguments, call.text, call.isRedacted]);

const TOLD = ['{"command":"ls"}', "what it brought", false];
const EMPTY = ["{}", "", true];

const log = [
  posted(2, "bob"),
  requested(3, "t", "m2"),
  called(4, "t", "c"),
  finished(5, "t", "c"),
  posted(6, "bot", "there you are", { turn_id: "t" }),
  ended(7, "t", "m6"),
];

describe("a call of a turn", () => {
  it("is empty once the message that asked for it is deleted", () => {
    const before = folded(log);
    expect(words(before)).toEqual([TOLD]);
    expect(words(applyEvent(before, deleted(8, "m2"), "alice"))).toEqual([EMPTY]);
  });

  it("is empty once the answer that came of it is deleted", () => {
    expect(words(folded([...log, deleted(8, "m6")]))).toEqual([EMPTY]);
  });

  it("stays when another message is deleted", () => {
    expect(words(folded([posted(2, "bob"), posted(3, "bob"), deleted(4, "m2")]))).toEqual([]);
    const other = folded([...log, posted(8, "bob"), deleted(9, "m8")]);
    expect(words(other)).toEqual([TOLD]);
  });

  it("stays exact while people are asked about it, and is empty when its turn is over", () => {
    const asking = folded([posted(2, "bob"), requested(3, "t", "m2"), called(4, "t", "c"), deleted(5, "m2")]);
    expect(words(asking)).toEqual([['{"command":"ls"}', "", false]]);
    expect(words(folded([finished(6, "t", "c")], "alice", asking))).toEqual([EMPTY]);
    expect(words(folded([ended(6, "t")], "alice", asking))).toEqual([EMPTY]);
  });

  it("is empty whenever the log before it comes", () => {
    const events = log;
    for (let cut = 1; cut <= events.length; cut++) {
      const before = folded(events.slice(0, cut));
      const told = fromSnapshot(snapshotOf(before), "epoch");
      const later = folded([...events.slice(cut), deleted(8, "m2")], "alice", told);
      expect(words(withHistory(later, [], [...events], 0, false)), `cut at ${cut}`).toEqual([EMPTY]);
    }
  });

  it("is the same object from one look to the next", () => {
    const state = folded([...log, deleted(8, "m2")]);
    const later = folded([posted(9, "bob")], "alice", state);
    expect(shown(later)[0]).toBe(shown(state)[0]);
    expect(created().calls.size).toBe(0);
  });
});
