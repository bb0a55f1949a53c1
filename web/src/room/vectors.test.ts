/** The golden transcripts of the server fold to their snapshots, from wherever and in whatever order they come. */

import { describe, expect, it } from "vitest";
import type { Event, Snapshot } from "../protocol/wire";
import { applyEvent, Gap } from "./applyEvent";
import { withHistory } from "./history";
import { may } from "./rights";
import { created, eventsOf, folded, snapshotOf, VECTORS, type Vector } from "./scenes.fixture";
import { fromSnapshot } from "./snapshot";
import type { RoomState } from "./state";
import { timelineOf } from "./timeline";

/** What of the whole room a reader is shown in a snapshot. */
function shownTo(vector: Vector, state: RoomState): Snapshot {
  const whole = snapshotOf(state, 1_000);
  const reader = state.members.get(vector.reader);
  if (reader === undefined) throw new Error("the reader is a member");
  const { settings } = state.room;
  const from = reader.role === "guest" && settings.guests_see_history === false ? reader.joined_seq : 0;
  const messages = whole.messages.filter((message) => message.seq >= from);
  return {
    ...whole,
    messages,
    banned: reader.role === "owner" || reader.role === "admin" ? [...whole.banned].sort() : [],
    pins: from > 0 ? whole.pins.filter((pin) => messages.some((message) => message.id === pin)) : whole.pins,
    summary: from > 0 ? undefined : whole.summary,
    facts: from > 0 ? [] : whole.facts,
    proposals: from > 0 ? [] : whole.proposals,
    budget: may("see_usage", reader.role, settings) ? whole.budget : { total: {}, per_asker: {} },
    turns: whole.turns.map((turn) => {
      const told = vector.snapshot.turns.find((one) => one.turn_id === turn.turn_id);
      // Words of running turns are no part of the log.
      const words = { text: told?.text ?? "", text_index: told?.text_index ?? 0, cards: told?.cards ?? [] };
      const isHidden = turn.requested_seq < from;
      return { ...turn, ...words, ...(isHidden ? { note: "", calls: [], messages: [], steering: [] } : {}) };
    }),
    read: vector.snapshot.read,
  };
}

/** All that stays, without what may be held in different ways. */
function settled(state: RoomState) {
  const { messages, calls, ended, notices, turns, members, gone, seq, oldestSeq, stopping, missed, ...rest } = state;
  return {
    messages,
    calls: [...calls],
    ended: [...ended.values()].sort((one, other) => one.seq - other.seq),
    notices,
    turns: [...turns],
    members: [...members],
    gone: [...gone].sort(),
    stopping: [...stopping],
    missed,
    seq,
    oldestSeq,
    room: rest.room,
    summary: rest.summary,
    facts: rest.facts,
  };
}

describe.each([...VECTORS])("%s", (_, vector) => {
  const events = eventsOf(vector);
  const rest = events.slice(1);
  const whole = folded(rest, vector.reader, created(vector.first));

  it("folds to its snapshot", () => {
    expect(shownTo(vector, whole)).toEqual(vector.snapshot);
  });

  it("is the same when lines come twice", () => {
    const twice = rest.flatMap((event, place) => [event, ...rest.slice(Math.max(0, place - 2), place + 1)]);
    expect(settled(folded(twice, vector.reader, created(vector.first)))).toEqual(settled(whole));
    expect(applyEvent(whole, vector.first, vector.reader)).toBe(whole);
  });

  it("says so when a line is missing", () => {
    const after = created(vector.first);
    const second = rest[1];
    if (second === undefined) throw new Error("a transcript has more");
    expect(() => applyEvent(after, second, vector.reader)).toThrow(Gap);
  });

  it("is the same from a snapshot at any place on, whenever the log before it comes", () => {
    for (let cut = 1; cut <= events.length; cut++) {
      const before = folded(events.slice(1, cut), vector.reader, created(vector.first));
      const told = fromSnapshot(snapshotOf(before, 1_000), "epoch");
      const log = [...events.slice(0, cut)].reverse();
      const later = events.slice(cut);
      const early = folded(later, vector.reader, withHistory(told, [], log, 0, false));
      const late = withHistory(folded(later, vector.reader, told), [], events, 0, false);
      expect(settled(early), `history first, cut at ${cut}`).toEqual(settled(whole));
      expect(settled(late), `history last, cut at ${cut}`).toEqual(settled(whole));
    }
  });

  it("is the same when older messages and their log come in two pages, as they stood when they were asked for", () => {
    for (let cut = 2; cut <= events.length; cut++) {
      const before = folded(events.slice(1, cut), vector.reader, created(vector.first));
      const all = before.messages;
      for (let kept = 0; kept <= all.length; kept++) {
        const told = { ...fromSnapshot(snapshotOf(before, kept || -1_000), "epoch"), hasOlder: true };
        const held = { ...told, messages: kept === 0 ? [] : told.messages };
        const middle = Math.floor((all.length - kept) / 2);
        const edge = all[middle]?.seq ?? 1;
        const pages = (state: RoomState) => {
          const newer = withHistory(state, all.slice(middle, all.length - kept), events, edge - 1, true);
          return withHistory(newer, all.slice(0, middle), events, 0, false);
        };
        const later = events.slice(cut);
        // Both pages were asked for at the cut; what happened meanwhile reached the room before they did.
        if (kept > 0) {
          expect(settled(pages(folded(later, vector.reader, held))), `at ${cut}, ${kept}`).toEqual(settled(whole));
        }
        expect(settled(folded(later, vector.reader, pages(held))), `at ${cut}, ${kept}`).toEqual(settled(whole));
      }
    }
  });

  it("stands in the timeline in the order of the log, each line once", () => {
    const items = timelineOf(whole, []);
    const seqs = items.filter((item) => item.kind !== "turn").map((item) => item.seq);
    expect(seqs).toEqual([...seqs].sort((one, other) => one - other));
    expect(new Set(items.map((item) => item.id)).size).toBe(items.length);
    expect(items.some((item) => item.kind === "message")).toBe(true);
  });
});

it("an event of a newer server only moves the place in the log", () => {
  const state = created();
  const after = applyEvent(state, { kind: "unknown", room_id: "room", seq: 2 }, "alice");
  expect(after).toEqual({ ...state, seq: 2 });
});

it("folding changes nothing that was there before", () => {
  const frozen = (event: Event): Event => deepFrozen(event);
  for (const vector of VECTORS.values()) {
    const events = eventsOf(vector).map(frozen);
    const states: RoomState[] = [created(vector.first)];
    for (const event of events.slice(1)) {
      const last = states.at(-1);
      if (last !== undefined) states.push(applyEvent(deepFrozen(last), event, vector.reader));
    }
    expect(states.length).toBe(events.length);
  }
});

function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFrozen(part);
  return value;
}
