/** How turns follow from their events. */

import { expect, it } from "vitest";
import type { Event, TurnState } from "../protocol/wire";
import { folded, head, posted, requested } from "./scenes.fixture";

const ABOUT = { turn_id: "t", ai_id: "bot", reason: "mention" } as const;

function turnAfter(...events: Event[]): TurnState {
  const turn = folded([posted(2, "bob"), { ...requested(3, "t", "m2") }, ...events]).turns.get("t");
  if (turn === undefined) throw new Error("it has not ended");
  return turn;
}

function joining(seq: number, type: "turn_collected" | "turn_steered", more: object = {}): Event {
  return { ...head(seq, "alice"), ...ABOUT, type, message_id: `m${seq}`, ...more };
}

it("a turn is asked for by all whose requests joined it, each once", () => {
  const turn = turnAfter(
    joining(4, "turn_collected"),
    joining(5, "turn_collected"),
    joining(6, "turn_collected", { on_behalf_of: ["carol", "bob"] }),
  );
  expect(turn.askers).toEqual(["bob", "alice", "carol"]);
  expect(turn.messages).toEqual(["m2", "m4", "m5", "m6"]);
  expect(turn.steering).toEqual([]);
});

it("what joins a running turn waits there until its model is told", () => {
  const started: Event = { ...head(4, "bot"), type: "turn_started", turn_id: "t", fence: 2, pod: "p" };
  const steered = [started, joining(5, "turn_steered"), joining(6, "turn_steered")];
  expect(turnAfter(...steered)).toMatchObject({ fence: 2, steering: ["m5", "m6"], messages: ["m2", "m5", "m6"] });
  const taken: Event = { ...head(7, "bot"), type: "steering_taken", turn_id: "t", messages: ["m5"] };
  expect(turnAfter(...steered, taken).steering).toEqual(["m6"]);
});

it("a request that came far or from nobody stays so, and one that did not does not set that back", () => {
  const turn = turnAfter(
    joining(4, "turn_collected", { hops: 2, is_unattended: true, note: "one", reason: "webhook" }),
    joining(5, "turn_collected", { hops: 1, note: "two", note_taint: ["webhook"] }),
  );
  expect(turn).toMatchObject({ hops: 2, is_unattended: true, note: "one\n\ntwo", taint: ["webhook"] });
});

it("a turn remembers the last hundred messages and a bounded note, cut between code points", () => {
  const many = Array.from({ length: 120 }, (_, place) => joining(place + 4, "turn_collected"));
  expect([turnAfter(...many).messages.length, turnAfter(...many).messages[0]]).toEqual([100, "m24"]);
  const note = turnAfter(joining(4, "turn_collected", { note: "👋".repeat(40_000) })).note;
  expect([[...note].length, note.endsWith("👋")]).toEqual([32_000, true]);
});

it("a turn that is stopped for a newer one names it", () => {
  const stop: Event = { ...head(4, "alice"), type: "turn_stop_requested", turn_id: "t", superseded_by: "u" };
  expect(turnAfter(stop)).toMatchObject({ is_stop_requested: true, superseded_by: "u" });
});

it("a turn is tainted by what its calls brought, once", () => {
  const brought = (seq: number, callId: string): Event[] => [
    { ...head(seq, "bot"), type: "tool_called", turn_id: "t", call_id: callId, name: "fetch_url", arguments: "{}" },
    {
      ...head(seq + 1, "bot"),
      type: "tool_finished",
      turn_id: "t",
      call_id: callId,
      is_ok: true,
      text: "",
      taint: "web",
    },
  ];
  const turn = turnAfter(...brought(4, "c"), ...brought(6, "d"));
  expect([turn.taint, turn.calls, turn.steps]).toEqual([["web"], [], 2]);
});
