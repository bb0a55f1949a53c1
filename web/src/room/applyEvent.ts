/** The fold of a room's log: what a room is after its next event. Pure; the same as multiplayer/client/view.py. */

import type { UnknownEvent } from "../protocol/lines";
import type { Event, Message, MessagePosted, Signal, Summary, SummaryUpdated, TurnEnded } from "../protocol/wire";
import { isCallEvent, takeCallEvent } from "./calls";
import { membersAfter, withoutOne } from "./members";
import { foldMessage, isMessageChange, type MessageChange, messageOf } from "./messages";
import { isNotice } from "./notices";
import type { RoomState } from "./state";
import { endedTurn, isTurnStep, turnAfter, turnOf } from "./turns";
import { recounted, withRead } from "./unread";

/** So many events are kept for what is not here; of more, the last ones. */
const MOST_MISSED = 500;

/** An event is not the next one: what is held is not enough to go on from. */
export class Gap extends Error {
  constructor(
    readonly at: number,
    readonly got: number,
  ) {
    super(`gap in the log: at ${at}, got ${got}`);
    this.name = "Gap";
  }
}

/** The room after `event`; the same object if that was here before. Throws `Gap` if one between is missing. */
export function applyEvent(state: RoomState, event: Event | UnknownEvent, meId: string): RoomState {
  if (event.seq <= state.seq) return state;
  if (event.seq !== state.seq + 1) throw new Gap(state.seq, event.seq);
  if (!("type" in event)) return { ...state, seq: event.seq };
  return {
    ...state,
    ...roomAfter(state, event),
    ...membersAfter(state, event, meId),
    ...memoryAfter(state, event),
    ...messagesAfter(state, event, meId),
    ...turnsAfter(state, event),
    ...callsAfter(state, event),
    notices: isNotice(event) ? [...state.notices, event] : state.notices,
    seq: event.seq,
  };
}

/** What a passing word changes of the room: who is there, who types, what is read. `Tails` takes the others. */
export function applySignal(state: RoomState, signal: Signal, meId: string): RoomState {
  switch (signal.type) {
    case "typing": {
      const typing = withOne(state.typing, signal.account_id, signal.is_typing);
      return typing === state.typing ? state : { ...state, typing };
    }
    case "presence": {
      const online = withOne(state.online, signal.account_id, signal.presence === "online");
      return online === state.online ? state : { ...state, online };
    }
    case "read_marked":
      return withRead(state, signal.seq, meId);
    default:
      return state;
  }
}

function roomAfter(state: RoomState, event: Event): Partial<RoomState> {
  switch (event.type) {
    case "room_renamed":
      return { room: { ...state.room, name: event.name } };
    case "topic_set":
      return { room: { ...state.room, topic: event.topic } };
    case "room_settings_set":
      return { room: { ...state.room, settings: event.settings } };
    case "room_archived":
      return { room: { ...state.room, archived_at: event.is_archived ? event.at : undefined } };
    case "room_deleted":
      return { isDeleted: true };
    default:
      return {};
  }
}

function memoryAfter(state: RoomState, event: Event): Partial<RoomState> {
  switch (event.type) {
    case "message_pinned":
      return { pins: [...state.pins, event.message_id] };
    case "message_unpinned":
    case "message_deleted":
      return { pins: state.pins.filter((pin) => pin !== event.message_id) };
    case "summary_updated":
      return { summary: summaryOf(event) };
    case "change_proposed":
      return { proposals: [...state.proposals, event.proposal] };
    case "proposal_decided":
      return { proposals: state.proposals.filter((one) => one.id !== event.proposal_id) };
    case "fact_pinned":
      return { facts: [...state.facts, event.fact] };
    case "fact_forgotten":
      return { facts: state.facts.filter((fact) => fact.id !== event.fact_id) };
    case "budget_set":
      return { budget: event.budget };
    default:
      return {};
  }
}

function summaryOf(event: SummaryUpdated): Summary {
  const { version, up_to_seq, method, points, taint, edited_by, brief } = event;
  return { version, up_to_seq, method, points, taint, edited_by, brief };
}

function messagesAfter(state: RoomState, event: Event, meId: string): Partial<RoomState> {
  if (event.type === "message_posted") return withPosted(state, event, meId);
  return isMessageChange(event) ? withChanged(state, event, meId) : {};
}

function withPosted(state: RoomState, event: MessagePosted, meId: string): Partial<RoomState> {
  const message = messageOf(event);
  return {
    messages: [...state.messages, message],
    typing: withoutOne(state.typing, event.actor_id),
    read: recounted(state, undefined, message, meId),
  };
}

function withChanged(state: RoomState, event: MessageChange, meId: string): Partial<RoomState> {
  const place = state.messages.findLastIndex((message) => message.id === event.message_id);
  const before = state.messages[place];
  if (before === undefined) return { missed: withMissed(state, event) };
  const after = foldMessage(before, event);
  return { messages: replaced(state.messages, place, after), read: recounted(state, before, after, meId) };
}

function replaced(messages: readonly Message[], place: number, message: Message): readonly Message[] {
  const copy = messages.slice();
  copy[place] = message;
  return copy;
}

function turnsAfter(state: RoomState, event: Event): Partial<RoomState> {
  if (event.type === "turn_requested") return { turns: new Map(state.turns).set(event.turn_id, turnOf(event)) };
  if (event.type === "turn_ended") return withEnded(state, event);
  if (!isTurnStep(event)) return {};
  const turn = state.turns.get(event.turn_id);
  if (turn === undefined) return {};
  const turns = new Map(state.turns).set(event.turn_id, turnAfter(turn, event));
  if (event.type !== "turn_stop_requested" || event.superseded_by !== undefined) return { turns };
  return { turns, stopping: new Map(state.stopping).set(event.turn_id, event.actor_id) };
}

function withEnded(state: RoomState, event: TurnEnded): Partial<RoomState> {
  const turn = state.turns.get(event.turn_id);
  const asked =
    turn === undefined ? undefined : { askers: turn.askers, messages: turn.messages, requestedSeq: turn.requested_seq };
  const turns = new Map(state.turns);
  turns.delete(event.turn_id);
  const stopping = new Map(state.stopping);
  stopping.delete(event.turn_id);
  const ended = endedTurn(event, asked, state.stopping.get(event.turn_id));
  return { turns, stopping, ended: new Map(state.ended).set(event.turn_id, ended) };
}

function callsAfter(state: RoomState, event: Event): Partial<RoomState> {
  if (!isCallEvent(event)) return {};
  const calls = new Map(state.calls);
  const askers = state.turns.get(event.turn_id)?.askers ?? [];
  return takeCallEvent(calls, event, askers) ? { calls } : { missed: withMissed(state, event) };
}

function withMissed(state: RoomState, event: Event): readonly Event[] {
  return [...state.missed, event].slice(-MOST_MISSED);
}

function withOne(accounts: ReadonlySet<string>, accountId: string, isIn: boolean): ReadonlySet<string> {
  if (!isIn) return withoutOne(accounts, accountId);
  return accounts.has(accountId) ? accounts : new Set(accounts).add(accountId);
}
