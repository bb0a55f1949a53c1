/** How a turn follows from its events: the same fold as multiplayer/protocol/turn_fold.py. */

import type {
  ApprovalCard,
  ApprovalDecided,
  ApprovalExpired,
  ApprovalRequested,
  Event,
  ModelChanged,
  SteeringTaken,
  Taint,
  ToolCalled,
  ToolCallState,
  ToolFinished,
  ToolStarted,
  TurnCollected,
  TurnEnded,
  TurnRequested,
  TurnStarted,
  TurnState,
  TurnSteered,
  TurnStopRequested,
} from "../protocol/wire";
import type { EndedTurn } from "./state";

/** How many messages one turn answers; of more, the last ones. */
const MOST_REQUESTS = 100;
const MOST_NOTE_CHARACTERS = 32_000;

export type TurnRequest = TurnRequested | TurnCollected | TurnSteered;

/** What changes a turn that is there. */
export type TurnStep =
  | TurnCollected
  | TurnSteered
  | TurnStarted
  | SteeringTaken
  | ModelChanged
  | TurnStopRequested
  | ToolCalled
  | ApprovalRequested
  | ApprovalDecided
  | ApprovalExpired
  | ToolStarted
  | ToolFinished;

const STEPS: Readonly<Record<TurnStep["type"], true>> = {
  turn_collected: true,
  turn_steered: true,
  turn_started: true,
  steering_taken: true,
  model_changed: true,
  turn_stop_requested: true,
  tool_called: true,
  approval_requested: true,
  approval_decided: true,
  approval_expired: true,
  tool_started: true,
  tool_finished: true,
};

export function isTurnStep(event: Event): event is TurnStep {
  return Object.hasOwn(STEPS, event.type);
}

export function isTurnRequest(event: Event): event is TurnRequest {
  return event.type === "turn_requested" || event.type === "turn_collected" || event.type === "turn_steered";
}

/** In whose name it is asked: the actor's, or theirs for whom an AI passes it on. */
export function askersOf(event: TurnRequest): readonly string[] {
  const others = event.on_behalf_of ?? [];
  return others.length > 0 ? others : [event.actor_id];
}

/** The message that asks, where one does. */
export function messagesOf(event: TurnRequest): readonly string[] {
  return event.message_id === undefined ? [] : [event.message_id];
}

export function withMessages(before: readonly string[], more: readonly string[]): readonly string[] {
  return [...before, ...more].slice(-MOST_REQUESTS);
}

/** The turn as it is right after it was asked for. */
export function turnOf(event: TurnRequested): TurnState {
  return {
    turn_id: event.turn_id,
    ai_id: event.ai_id,
    askers: askersOf(event),
    messages: messagesOf(event),
    requested_at: event.at,
    requested_seq: event.seq,
    reason: event.reason,
    rule_id: event.rule_id,
    hops: event.hops ?? 0,
    replaces: event.replaces,
    note: event.note ?? "",
    is_unattended: event.is_unattended ?? false,
    fence: 0,
    steering: [],
    taint: isByWebhook(event) ? ["webhook"] : [],
    is_stop_requested: false,
    calls: [],
    steps: 0,
    text: "",
    text_index: 0,
    cards: [],
  };
}

/** The card as it is before anybody has decided. */
export function cardOf(event: ApprovalRequested): ApprovalCard {
  const { tool_class, sha256, decider, needed, reason, expires_at, limits } = event;
  return { tool_class, sha256, decider, needed, reason, expires_at, limits, approved_by: [] };
}

export function cardAfter(card: ApprovalCard, event: ApprovalDecided | ApprovalExpired): ApprovalCard {
  if (event.type === "approval_expired") return { ...card, is_expired: true };
  return event.is_approved
    ? { ...card, approved_by: [...card.approved_by, event.actor_id] }
    : { ...card, rejected_by: event.actor_id };
}

export function isApproved(card: ApprovalCard): boolean {
  return card.rejected_by === undefined && !card.is_expired && card.approved_by.length >= card.needed;
}

/** People can still decide it, as far as is told; the time is looked at elsewhere. */
export function isOpen(card: ApprovalCard): boolean {
  return !(isApproved(card) || card.is_expired || card.rejected_by !== undefined);
}

/** The turn as it is after one of its events. */
export function turnAfter(turn: TurnState, event: TurnStep): TurnState {
  switch (event.type) {
    case "turn_collected":
    case "turn_steered":
      return joined(turn, event);
    case "turn_started":
      return { ...turn, fence: event.fence };
    case "steering_taken":
      return { ...turn, steering: turn.steering.filter((one) => !event.messages.includes(one)) };
    case "model_changed":
      return { ...turn, model: event.model };
    case "turn_stop_requested":
      return { ...turn, is_stop_requested: true, superseded_by: event.superseded_by };
    case "tool_called": {
      const call = { call_id: event.call_id, name: event.name, arguments: event.arguments, is_started: false };
      return { ...turn, calls: [...turn.calls, call], steps: turn.steps + 1 };
    }
    case "approval_requested":
    case "approval_decided":
    case "approval_expired":
    case "tool_started":
      return {
        ...turn,
        calls: turn.calls.map((call) => (call.call_id === event.call_id ? callAfter(call, event) : call)),
      };
    case "tool_finished": {
      const calls = turn.calls.filter((call) => call.call_id !== event.call_id);
      return { ...turn, calls, taint: event.taint === undefined ? turn.taint : withTaint(turn.taint, event.taint) };
    }
  }
}

/** What is known of a turn's request once it has ended. */
export interface Asked {
  readonly askers: readonly string[];
  readonly messages: readonly string[];
  readonly requestedSeq: number;
}

/** How a turn ended, as far as it is known who asked for it. */
export function endedTurn(event: TurnEnded, asked: Asked | undefined, stoppedBy: string | undefined): EndedTurn {
  return {
    turnId: event.turn_id,
    aiId: event.ai_id,
    askers: asked?.askers ?? [],
    messages: asked?.messages ?? [],
    outcome: event.outcome,
    reason: event.reason,
    messageId: event.message_id,
    stoppedBy: event.outcome === "stopped" ? stoppedBy : undefined,
    requestedSeq: asked?.requestedSeq ?? event.seq,
    seq: event.seq,
  };
}

function callAfter(
  call: ToolCallState,
  event: ApprovalRequested | ApprovalDecided | ApprovalExpired | ToolStarted,
): ToolCallState {
  if (event.type === "tool_started") return { ...call, is_started: true, before: event.before };
  if (event.type === "approval_requested") return { ...call, approval: cardOf(event) };
  return call.approval === undefined ? call : { ...call, approval: cardAfter(call.approval, event) };
}

function joined(turn: TurnState, event: TurnCollected | TurnSteered): TurnState {
  const more = messagesOf(event);
  const note = [turn.note, event.note].filter((one) => one).join("\n\n");
  return {
    ...turn,
    askers: [...new Set([...turn.askers, ...askersOf(event)])],
    messages: withMessages(turn.messages, more),
    // A request that came far may not set the turn's count back.
    hops: Math.max(turn.hops, event.hops ?? 0),
    note: note.length > MOST_NOTE_CHARACTERS ? [...note].slice(0, MOST_NOTE_CHARACTERS).join("") : note,
    is_unattended: turn.is_unattended || (event.is_unattended ?? false),
    taint: isByWebhook(event) ? withTaint(turn.taint, "webhook") : turn.taint,
    steering: event.type === "turn_steered" ? [...turn.steering, ...more] : turn.steering,
  };
}

function isByWebhook(event: TurnRequest): boolean {
  return event.reason === "webhook" || (event.note_taint?.includes("webhook") ?? false);
}

function withTaint(taint: readonly Taint[], more: Taint): readonly Taint[] {
  return taint.includes(more) ? taint : [...taint, more];
}
