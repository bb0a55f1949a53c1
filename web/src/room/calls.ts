/** How tool calls follow from events: what a card of the timeline shows, from its request to its undoing. */

import type {
  ApprovalDecided,
  ApprovalExpired,
  ApprovalRequested,
  Event,
  FileChange,
  FilesChanged,
  ToolCalled,
  ToolCallState,
  ToolFinished,
  ToolStarted,
  TurnEnded,
  TurnState,
  TurnUndone,
} from "../protocol/wire";
import { type CallState, callKey, type RoomState, type ToolCall } from "./state";
import { cardAfter, cardOf, isApproved } from "./turns";

/** What is told of one call, after it was made. */
export type CallStep =
  | ApprovalRequested
  | ApprovalDecided
  | ApprovalExpired
  | ToolStarted
  | ToolFinished
  | (FilesChanged & { readonly turn_id: string; readonly call_id: string });

export type CallEvent = ToolCalled | CallStep | TurnEnded | TurnUndone;

/** A call waits for somebody who approves it. */
export function needsApproval(state: RoomState): boolean {
  if (state.turns.size === 0) return false;
  for (const call of state.calls.values()) if (call.state === "asking") return true;
  return false;
}

export function isCallEvent(event: Event): event is CallEvent {
  switch (event.type) {
    case "tool_called":
    case "approval_requested":
    case "approval_decided":
    case "approval_expired":
    case "tool_started":
    case "tool_finished":
    case "turn_ended":
    case "turn_undone":
      return true;
    case "files_changed":
      return event.turn_id !== undefined && event.call_id !== undefined;
    default:
      return false;
  }
}

/** Takes `event` into `calls`, which it changes; false: it is about a call that is not there. */
export function takeCallEvent(calls: Map<string, ToolCall>, event: CallEvent, askers: readonly string[]): boolean {
  if (event.type === "tool_called") {
    const call = callOf(event, askers);
    calls.set(call.key, call);
    return true;
  }
  if (event.type === "turn_ended" || event.type === "turn_undone") {
    for (const [key, call] of calls) {
      if (call.turnId !== event.turn_id) continue;
      const after = event.type === "turn_undone" ? { ...call, undone: event } : withTurnEnded(call);
      if (after !== call) calls.set(key, after);
    }
    return true;
  }
  const key = callKey(event.turn_id, event.call_id);
  const call = calls.get(key);
  if (call === undefined) return false;
  calls.set(key, callAfter(call, event));
  return true;
}

/** A call that is over with its turn, if it was not before. */
export function withTurnEnded(call: ToolCall): ToolCall {
  const isOver = call.state !== "waiting" && call.state !== "asking" && call.state !== "running";
  return isOver ? call : { ...call, state: "ended" };
}

/** The open calls of a turn of a snapshot, which does not tell where they stand in the log. */
export function openCalls(turn: TurnState, seq: number): readonly ToolCall[] {
  return turn.calls.map((call) => ({
    ...bareCall(turn.turn_id, call.call_id, turn.ai_id, turn.askers),
    name: call.name,
    arguments: call.arguments,
    toolClass: call.approval?.tool_class,
    state: stateOf(call),
    approval: call.approval,
    seq,
    calledAt: turn.requested_at,
    // When exactly, the log tells.
    startedAt: call.is_started ? turn.requested_at : undefined,
  }));
}

/** The same call from the log, and from a snapshot or what followed it: the place of the one, the news of the other. */
export function withPlace(call: ToolCall, logged: ToolCall): ToolCall {
  return {
    ...call,
    seq: logged.seq,
    calledAt: logged.calledAt,
    startedAt: logged.startedAt ?? call.startedAt,
    toolClass: call.toolClass ?? logged.toolClass,
    changed:
      call.changed && logged.changed ? joinedChanges(logged.changed, call.changed) : (call.changed ?? logged.changed),
    isRedacted: call.isRedacted || logged.isRedacted,
  };
}

function callOf(event: ToolCalled, askers: readonly string[]): ToolCall {
  return {
    ...bareCall(event.turn_id, event.call_id, event.actor_id, askers),
    name: event.name,
    arguments: event.arguments,
    seq: event.seq,
    calledAt: event.at,
    isRedacted: event.is_redacted ?? false,
  };
}

function bareCall(turnId: string, callId: string, aiId: string, askers: readonly string[]): ToolCall {
  return {
    key: callKey(turnId, callId),
    turnId,
    callId,
    aiId,
    askers,
    name: "",
    arguments: "",
    toolClass: undefined,
    state: "waiting",
    approval: undefined,
    seq: 0,
    calledAt: "",
    startedAt: undefined,
    finishedAt: undefined,
    text: "",
    code: undefined,
    exitStatus: undefined,
    taint: undefined,
    isRedacted: false,
    changed: undefined,
    undone: undefined,
  };
}

function stateOf(call: ToolCallState): CallState {
  const card = call.approval;
  if (call.is_started) return "running";
  if (card === undefined || isApproved(card)) return "waiting";
  return card.rejected_by !== undefined ? "denied" : card.is_expired ? "expired" : "asking";
}

function callAfter(call: ToolCall, event: CallStep): ToolCall {
  switch (event.type) {
    case "approval_requested":
      return { ...call, approval: cardOf(event), toolClass: event.tool_class, state: "asking" };
    case "approval_decided": {
      if (call.approval === undefined) return call;
      const approval = cardAfter(call.approval, event);
      const state = event.is_approved ? (isApproved(approval) ? "waiting" : "asking") : "denied";
      return { ...call, approval, state };
    }
    case "approval_expired":
      if (call.approval === undefined) return call;
      return { ...call, approval: cardAfter(call.approval, event), state: "expired" };
    case "tool_started":
      return { ...call, toolClass: event.tool_class ?? call.toolClass, startedAt: event.at, state: "running" };
    case "tool_finished":
      return {
        ...call,
        // What was never run ends, too; why it was not says more than that it failed.
        state: call.state === "denied" || call.state === "expired" ? call.state : event.is_ok ? "ok" : "failed",
        finishedAt: event.at,
        text: event.text,
        code: event.code,
        exitStatus: event.exit_status,
        taint: event.taint,
        isRedacted: call.isRedacted || (event.is_redacted ?? false),
      };
    case "files_changed":
      // What comes after its turn was undone, by its job, stands again.
      if (call.changed === undefined || call.undone?.is_ok) return { ...call, changed: event, undone: undefined };
      return { ...call, changed: joinedChanges(call.changed, event) };
  }
}

/** Both as one: a job of the call may change files after the call did. */
function joinedChanges(first: FilesChanged, second: FilesChanged): FilesChanged {
  const changes = new Map(first.changes.map((change) => [change.path, change]));
  for (const change of second.changes) {
    const before = changes.get(change.path);
    changes.set(change.path, before === undefined ? change : joinedChange(before, change));
  }
  return {
    ...second,
    changes: [...changes.values()],
    before: first.before,
    more: (first.more ?? 0) + (second.more ?? 0) || undefined,
    asked_by: both(first.asked_by, second.asked_by),
    approved_by: both(first.approved_by, second.approved_by),
    taint: both(first.taint, second.taint),
  };
}

function both<T>(first: readonly T[] = [], second: readonly T[] = []): readonly T[] {
  return [...new Set([...first, ...second])];
}

function joinedChange(first: FileChange, second: FileChange): FileChange {
  const isNew = first.kind === "added" && second.kind === "changed";
  const isBack = first.kind === "removed" && second.kind === "added";
  return { ...second, before: first.before, kind: isNew ? "added" : isBack ? "changed" : second.kind };
}
