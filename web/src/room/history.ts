/** What was before, put before what is here: older messages as they stand now, and what else happened among them. */

import type { UnknownEvent } from "../protocol/lines";
import type { Event, Message } from "../protocol/wire";
import { isCallEvent, takeCallEvent, withPlace, withTurnEnded } from "./calls";
import { metIn } from "./members";
import { foldMessage, isMessageChange } from "./messages";
import { isNotice } from "./notices";
import { callKey, type EndedTurn, type RoomState, type ToolCall } from "./state";
import { type Asked, askersOf, endedTurn, isTurnRequest, messagesOf, withMessages } from "./turns";

/**
 * `page`: messages before those that are here. `log`: the events after `oldestSeq`, up to what is here already; what
 * they do to messages is left alone, as those stand as they are now. The order of either does not matter.
 */
export function withHistory(
  state: RoomState,
  page: readonly Message[],
  log: readonly (Event | UnknownEvent)[],
  oldestSeq: number,
  hasOlder: boolean,
): RoomState {
  const span = log
    .filter((line): line is Event => "type" in line && line.seq > oldestSeq && line.seq <= state.oldestSeq)
    .sort((one, other) => one.seq - other.seq);
  const older = foldSpan(span);
  const calls = joinedCalls(state, older);
  const messages = olderMessages(state, page);
  const ids = new Set(messages.map((message) => message.id));
  return {
    ...state,
    messages: messages.length === 0 ? state.messages : [...messages, ...state.messages],
    oldestSeq: Math.min(oldestSeq, state.oldestSeq),
    hasOlder,
    gone: metIn(state, span),
    ended: joinedEndings(state, older),
    calls: new Map([...calls.values()].sort((one, other) => one.seq - other.seq).map((call) => [call.key, call])),
    notices: [...span.filter(isNotice), ...state.notices],
    stopping: stoppingWith(state, older.stoppedBy),
    missed: [...older.missed, ...state.missed].filter((event) => !isHere(event, calls, ids)),
  };
}

interface Span {
  readonly calls: Map<string, ToolCall>;
  readonly asked: ReadonlyMap<string, Asked>;
  readonly stoppedBy: ReadonlyMap<string, string>;
  readonly ended: ReadonlyMap<string, EndedTurn>;
  readonly missed: readonly Event[];
}

function foldSpan(span: readonly Event[]): Span {
  const calls = new Map<string, ToolCall>();
  const asked = new Map<string, Asked>();
  const stoppedBy = new Map<string, string>();
  const ended = new Map<string, EndedTurn>();
  const missed: Event[] = [];
  for (const event of span) {
    if (isTurnRequest(event)) {
      const before = asked.get(event.turn_id);
      const askers = [...new Set([...(before?.askers ?? []), ...askersOf(event)])];
      const messages = withMessages(before?.messages ?? [], messagesOf(event));
      asked.set(event.turn_id, { askers, messages, requestedSeq: before?.requestedSeq ?? event.seq });
    } else if (event.type === "turn_stop_requested" && event.superseded_by === undefined) {
      stoppedBy.set(event.turn_id, event.actor_id);
    } else if (event.type === "turn_ended") {
      const turn = endedTurn(event, asked.get(event.turn_id), stoppedBy.get(event.turn_id));
      ended.set(event.turn_id, turn);
    }
    if (isCallEvent(event) && !takeCallEvent(calls, event, asked.get(event.turn_id)?.askers ?? [])) missed.push(event);
  }
  return { calls, asked, stoppedBy, ended, missed };
}

/** Tells the calls of the span what came to them later, and gives those that are here their place. */
function joinedCalls(state: RoomState, { calls, asked }: Span): ReadonlyMap<string, ToolCall> {
  const undoings = state.notices.filter((event) => event.type === "turn_undone");
  for (const event of [...state.missed, ...undoings].sort((one, other) => one.seq - other.seq)) {
    if (isCallEvent(event)) takeCallEvent(calls, event, []);
  }
  for (const [key, call] of calls) {
    const turn = state.turns.get(call.turnId);
    if (turn !== undefined) calls.set(key, { ...call, askers: turn.askers });
    else if (state.ended.has(call.turnId)) calls.set(key, withTurnEnded(call));
  }
  for (const call of state.calls.values()) {
    const logged = calls.get(call.key);
    const placed = logged === undefined ? call : withPlace(call, logged);
    calls.set(call.key, withAskers(placed, asked.get(call.turnId)));
  }
  return calls;
}

function joinedEndings(state: RoomState, { ended, asked, stoppedBy }: Span): ReadonlyMap<string, EndedTurn> {
  const endings = new Map(ended);
  for (const turn of state.ended.values()) {
    const before = asked.get(turn.turnId);
    const stopper = turn.stoppedBy ?? stoppedBy.get(turn.turnId);
    endings.set(turn.turnId, {
      ...withAskers(turn, before),
      messages: before === undefined ? turn.messages : joinedMessages(before.messages, turn.messages),
      requestedSeq: Math.min(turn.requestedSeq, before?.requestedSeq ?? turn.requestedSeq),
      stoppedBy: turn.outcome === "stopped" ? stopper : undefined,
    });
  }
  return endings;
}

/** A snapshot tells all that asked so far, the log before it a part of that once more. */
function joinedMessages(before: readonly string[], known: readonly string[]): readonly string[] {
  return withMessages(
    before.filter((id) => !known.includes(id)),
    known,
  );
}

/** Who asked in the older span comes before who joined later. */
function withAskers<T extends { readonly askers: readonly string[] }>(known: T, before: Asked | undefined): T {
  if (before === undefined || before.askers.every((asker) => known.askers.includes(asker))) return known;
  return { ...known, askers: [...new Set([...before.askers, ...known.askers])] };
}

function stoppingWith(state: RoomState, stoppedBy: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const still = [...stoppedBy].filter(([turnId]) => state.turns.has(turnId));
  return still.length === 0 ? state.stopping : new Map([...still, ...state.stopping]);
}

/** Those of `page` that are not here, in order, with what came to them while the page was on its way. */
function olderMessages(state: RoomState, page: readonly Message[]): readonly Message[] {
  const first = state.messages[0];
  const before = first === undefined ? state.seq + 1 : first.seq;
  const older = page.filter((message) => message.seq < before).sort((one, other) => one.seq - other.seq);
  const missed = state.missed.filter(isMessageChange);
  return older.map((message) => missed.filter((event) => event.message_id === message.id).reduce(foldMessage, message));
}

function isHere(event: Event, calls: ReadonlyMap<string, ToolCall>, ids: ReadonlySet<string>): boolean {
  if (isMessageChange(event)) return ids.has(event.message_id);
  return "call_id" in event && event.call_id !== undefined && calls.has(callKey(event.turn_id ?? "", event.call_id));
}
