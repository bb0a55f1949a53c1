/** Rooms for the tests: events by hand, the golden transcripts of the server, and snapshots of what was folded. */

import type { Event, Member, Message, RoomCreated, Snapshot } from "../protocol/wire";
import { applyEvent } from "./applyEvent";
import { withHistory } from "./history";
import { fromSnapshot } from "./snapshot";
import type { RoomState } from "./state";

export interface Vector {
  readonly about: string;
  readonly first: RoomCreated;
  readonly steps: readonly { readonly events?: readonly Event[] }[];
  readonly reader: string;
  readonly snapshot: Snapshot;
}

export const VECTORS: ReadonlyMap<string, Vector> = new Map(
  Object.entries(import.meta.glob<Vector>("../../../tests/vectors/*.json", { eager: true, import: "default" })).map(
    ([path, vector]) => [path.slice(path.lastIndexOf("/") + 1), vector],
  ),
);

export function eventsOf(vector: Vector): readonly Event[] {
  return [vector.first, ...vector.steps.flatMap((step) => step.events ?? [])];
}

export function member(accountId: string, role: Member["role"] = "member", joinedSeq = 1): Member {
  return {
    account_id: accountId,
    kind: role === "ai" ? "ai" : "human",
    handle: accountId,
    display_name: accountId,
    role,
    joined_at: "2026-01-01T00:00:00.000Z",
    joined_seq: joinedSeq,
  };
}

export const CREATED: RoomCreated = {
  ...head(1, "alice"),
  type: "room_created",
  kind: "room",
  name: "demo",
  topic: "",
  settings: {},
  members: [member("alice", "owner"), member("bob"), member("bot", "ai")],
};

export function head(seq: number, actorId: string) {
  const at = new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString();
  return { room_id: "room", seq, id: `e${seq}`, at, actor_id: actorId };
}

/** The room right after its first event, with that told. */
export function created(first: RoomCreated = CREATED): RoomState {
  const { room_id, kind, name, topic, settings, at, members, seq } = first;
  const snapshot: Snapshot = {
    room: { id: room_id, kind, name, topic, settings, created_at: at },
    seq,
    members,
    banned: [],
    pins: [],
    turns: [],
    facts: [],
    proposals: [],
    budget: { total: {}, per_asker: {} },
    messages: [],
    has_older: false,
    online: [],
    read: { seq: 0, unread: 0, mentions: 0 },
  };
  return withHistory(fromSnapshot(snapshot, "epoch"), [], [first], 0, false);
}

export function folded(events: readonly Event[], meId = "alice", from = created()): RoomState {
  return events.reduce((state, event) => applyEvent(state, event, meId), from);
}

/** What the server would tell of the room, with the last messages alone. */
export function snapshotOf(state: RoomState, messages = 50): Snapshot {
  const { room, seq, pins, summary, facts, proposals, budget, read } = state;
  return {
    room,
    seq,
    members: [...state.members.values()],
    banned: [...state.banned],
    pins,
    turns: [...state.turns.values()],
    summary,
    facts,
    proposals,
    budget,
    messages: state.messages.slice(-messages),
    has_older: state.messages.length > messages,
    online: [...state.online],
    read,
  };
}

export function posted(seq: number, actorId: string, text = "hello", more: Partial<Message> = {}): Event {
  const { mentions = [], mention_groups = [], turn_id, asked_by, answers, form } = more;
  const message = { id: `m${seq}`, text, turn_id, asked_by, answers, form };
  return { ...head(seq, actorId), type: "message_posted", message, mentions, mention_groups, is_redacted: false };
}

export function requested(seq: number, turnId: string, messageId?: string, actorId = "bob"): Event {
  return {
    ...head(seq, actorId),
    type: "turn_requested",
    turn_id: turnId,
    ai_id: "bot",
    message_id: messageId,
    reason: "mention",
  };
}

export function ended(seq: number, turnId: string, messageId?: string, outcome: "done" | "stopped" = "done"): Event {
  return {
    ...head(seq, "bot"),
    type: "turn_ended",
    turn_id: turnId,
    ai_id: "bot",
    outcome,
    reason: "",
    message_id: messageId,
  };
}

export function called(seq: number, turnId: string, callId: string): Event {
  return {
    ...head(seq, "bot"),
    type: "tool_called",
    turn_id: turnId,
    call_id: callId,
    name: "execute_command",
    arguments: '{"command":"ls"}',
  };
}
