/** What the composer reads of a room: why it is closed, whom it may steer or stop, and what its AIs are doing. */

import type { Member, Message, TurnState } from "../../protocol/wire";
import { isClosed, mayHere, maySteer, mayStop } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { addressedAis, defaultAiOf } from "../suggesting/mentions";

export type Closed = "deleted" | "left" | "archived" | "guest" | "nobody";

/** Why nothing can be posted here; undefined: it can. */
export function whyClosed(state: RoomState, meId: string): Closed | undefined {
  if (state.isDeleted) return "deleted";
  if (state.isLeft) return "left";
  if (state.room.archived_at !== undefined) return "archived";
  if (mayHere(state, meId, "post")) return undefined;
  return state.members.get(meId)?.role === "guest" ? "guest" : "nobody";
}

export function defaultAi(state: RoomState): Member | undefined {
  const id = defaultAiOf(state.members, state.room.settings.default_ai);
  return id === undefined ? undefined : state.members.get(id);
}

/** The turn that words to an AI at work are for: one that was aimed at, else one of one's own, else the newest. */
export function busyTurn(state: RoomState, meId: string, aimed?: string): TurnState | undefined {
  const turns = [...state.turns.values()].filter((turn) => !turn.is_stop_requested);
  const target = aimed === undefined ? undefined : turns.find((turn) => turn.turn_id === aimed);
  if (target !== undefined) return target;
  const running = turns.filter((turn) => turn.fence > 0).sort((one, other) => other.requested_seq - one.requested_seq);
  return running.find((turn) => turn.askers.includes(meId)) ?? running[0];
}

/** What Alt-Enter does with words for an AI at work. */
export type Queueing =
  /** It is told at its next step. */
  | { readonly kind: "steer"; readonly turn: TurnState }
  /** It is addressed, and the room's rule says what an AI at work does with that. */
  | { readonly kind: "ask"; readonly turn: TurnState };

export function queueing(state: RoomState, meId: string, aimed?: string): Queueing | undefined {
  const turn = busyTurn(state, meId, aimed);
  if (turn === undefined) return undefined;
  if (maySteer(state, meId, turn)) return { kind: "steer", turn };
  return mayHere(state, meId, "ask_ai") ? { kind: "ask", turn } : undefined;
}

/** The turn that Stop ends: the newest that runs, else the newest that waits, if this member may. */
export function stoppable(state: RoomState, meId: string): TurnState | undefined {
  return [...state.turns.values()]
    .filter((turn) => mayStop(state, meId, turn))
    .sort(
      (one, other) => Number(other.fence > 0) - Number(one.fence > 0) || other.requested_seq - one.requested_seq,
    )[0];
}

export type Doing = "approval" | "tool" | "writing";

export function doingOf(turn: TurnState): Doing {
  if (turn.calls.some((call) => call.approval !== undefined && !call.is_started)) return "approval";
  return turn.calls.some((call) => call.is_started) ? "tool" : "writing";
}

/** The room as a composer names it: `#name`, or the others of a direct room. */
export function roomTitle(state: RoomState, meId: string): string {
  if (state.room.kind === "room") return `#${state.room.name}`;
  const others = [...state.members.values()].filter((one) => one.account_id !== meId);
  return others.map((one) => one.display_name).join(", ") || state.room.name;
}

/** One's own last message that can be edited, in the room or in a thread of it. */
export function lastOwn(state: RoomState, meId: string, threadRoot: string | undefined): Message | undefined {
  if (isClosed(state) || !mayHere(state, meId, "edit_own")) return undefined;
  return state.messages.findLast(
    (message) =>
      message.author_id === meId &&
      message.deleted_at === undefined &&
      message.text !== "" &&
      (threadRoot === undefined || message.thread_root === threadRoot || message.id === threadRoot),
  );
}

/** What of asking an AI is to be estimated: what `asked` by a command, else what is about to be said to one, where caps hold. */
export interface CostOf {
  readonly text: string;
  readonly aiId: string | undefined;
  readonly isAsked: boolean;
}

export function costOf(state: RoomState, meId: string, text: string, asked: string | undefined): CostOf | undefined {
  const aiId = defaultAi(state)?.account_id;
  if (asked !== undefined) return { text: asked, aiId, isAsked: true };
  if (!hasCaps(state) || !mayHere(state, meId, "ask_ai")) return undefined;
  const [addressed] = addressedAis(text, state.members, aiId);
  return addressed === undefined ? undefined : { text, aiId: addressed, isAsked: false };
}

function hasCaps(state: RoomState): boolean {
  const caps = [state.budget.total, state.budget.per_asker];
  return caps.some((one) => one !== undefined && Object.values(one).some((cap) => typeof cap === "number"));
}
