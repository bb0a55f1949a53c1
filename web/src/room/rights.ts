/** What a member may do in a room, by the server's own table: a control that would be refused is not offered. */

import { DECIDES, type Grant, RANKS, RIGHTS, type Right, SWITCHES } from "../protocol/rights";
import type { ApprovalCard, Member, Message, Role, RoomSettings } from "../protocol/wire";
import type { RoomState } from "./state";

/** An answer is given anew at most so often. */
const MOST_ALTERNATIVES = 8;

export interface About {
  /** Whom it is done to, where it is done to a member. */
  readonly towards?: Role;
  /** Of a turn: it is this member's own. */
  readonly isOwnRequest?: boolean;
}

/** Whoever asked for it: a turn, or a call of one. */
export interface Requested {
  readonly askers: readonly string[];
}

/** The cell of the table, with the room's switches thrown. */
export function grant(right: Right, role: Role, settings: RoomSettings): Grant {
  const cell = RIGHTS[right][role];
  if (typeof cell === "string") return cell;
  return (settings[cell.if] ?? SWITCHES[cell.if]) ? "yes" : "no";
}

export function may(right: Right, role: Role, settings: RoomSettings, about: About = {}): boolean {
  switch (grant(right, role, settings)) {
    case "yes":
      return true;
    case "no":
    case "by_class":
      return false;
    case "lower":
    case "lower_up_to_member":
      return about.towards !== undefined && RANKS[about.towards] < RANKS[role];
    case "own":
      return about.isOwnRequest ?? false;
  }
}

/** The same for a member of a room; nobody may anything who is none. */
export function mayHere(state: RoomState, meId: string, right: Right, about: About = {}): boolean {
  const me = state.members.get(meId);
  return me !== undefined && may(right, me.role, state.room.settings, about);
}

/** The highest role that may be given to another; an invite makes at most an admin. */
export function highestRoleGivenBy(role: Role, settings: RoomSettings, byInvite: boolean): Role | undefined {
  if (byInvite && !may("invite", role, settings)) return undefined;
  switch (grant("change_role", role, settings)) {
    case "yes":
      return byInvite ? "admin" : "owner";
    case "lower_up_to_member":
      return "member";
    default:
      return byInvite ? "member" : undefined;
  }
}

/** Everything is refused in it that would say or do something new. */
export function isClosed(state: RoomState): boolean {
  return state.room.archived_at !== undefined || state.isDeleted || state.isLeft;
}

/** Whoever is among those who asked may. */
export function mayStop(
  state: RoomState,
  meId: string,
  turn: Requested & { readonly is_stop_requested: boolean },
): boolean {
  if (isClosed(state) || turn.is_stop_requested) return false;
  return mayHere(state, meId, "stop_turn", { isOwnRequest: turn.askers.includes(meId) });
}

/** Whoever asked alone may, where the right is to one's own request. */
export function maySteer(
  state: RoomState,
  meId: string,
  turn: Requested & { readonly is_stop_requested: boolean; readonly replaces?: string; readonly fence: number },
): boolean {
  if (isClosed(state) || turn.is_stop_requested) return false;
  // It answers the same request once more, and has not begun: nothing is collected into that.
  if (turn.replaces !== undefined && turn.fence === 0) return false;
  return mayHere(state, meId, "post") && mayHere(state, meId, "ask_ai") && maySteerFor(state, meId, turn.askers);
}

/** Answer again: an answer of an AI that is still here, and that is not being given again already. */
export function mayRegenerate(state: RoomState, meId: string, message: Message): boolean {
  if (isClosed(state) || message.deleted_at !== undefined || message.turn_id === undefined) return false;
  if (state.members.get(message.author_id)?.kind !== "ai") return false;
  if ((message.alternatives?.length ?? 0) >= MOST_ALTERNATIVES) return false;
  if ([...state.turns.values()].some((turn) => turn.replaces === message.id)) return false;
  return mayHere(state, meId, "ask_ai") && maySteerFor(state, meId, message.asked_by ?? []);
}

/** Have another of the answers stand. */
export function mayChoose(state: RoomState, meId: string, message: Message): boolean {
  if (isClosed(state) || message.deleted_at !== undefined || (message.alternatives?.length ?? 0) < 2) return false;
  return maySteerFor(state, meId, message.asked_by ?? []);
}

/** Put back what an ended turn changed, as far as its calls are here. The server forgets those of long ago. */
export function mayUndo(state: RoomState, meId: string, turnId: string): boolean {
  if (isClosed(state) || state.turns.has(turnId)) return false;
  const changed = [...state.calls.values()].filter((call) => call.turnId === turnId && call.changed !== undefined);
  if (changed.length === 0 || changed.every((call) => call.undone?.is_ok)) return false;
  const askers = new Set(changed.flatMap((call) => call.changed?.asked_by ?? call.askers));
  return maySteerFor(state, meId, [...askers]);
}

/** Approve a call or reject it. Who approved it may still reject it, and not approve it again. */
export function mayDecide(state: RoomState, meId: string, turn: Requested, card: ApprovalCard): boolean {
  const me = state.members.get(meId);
  return me !== undefined && !isClosed(state) && decides(state, me, turn, card);
}

/** Who may approve this call or reject it, the highest first. */
export function deciders(state: RoomState, turn: Requested, card: ApprovalCard): readonly Member[] {
  return [...state.members.values()]
    .filter((member) => decides(state, member, turn, card))
    .sort((one, other) => RANKS[other.role] - RANKS[one.role]);
}

function decides(state: RoomState, member: Member, turn: Requested, card: ApprovalCard): boolean {
  const isAsker = turn.askers.includes(member.account_id);
  if (isAsker && state.room.settings.approvals?.not_asker) return false;
  const cell = DECIDES[card.decider][member.role];
  return cell === "yes" || (cell === "own" && isAsker);
}

function maySteerFor(state: RoomState, meId: string, askers: readonly string[]): boolean {
  return mayHere(state, meId, "steer_turn", { isOwnRequest: askers.length === 1 && askers[0] === meId });
}
