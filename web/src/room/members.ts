/** Who is in the room and who was, event by event. */

import type { Event, Member } from "../protocol/wire";
import type { RoomState } from "./state";

type Changes = Pick<RoomState, "members" | "gone" | "banned" | "online" | "typing" | "isLeft">;

export function membersAfter(state: RoomState, event: Event, meId: string): Partial<Changes> {
  switch (event.type) {
    case "member_joined": {
      const { member } = event;
      const members = new Map(state.members).set(member.account_id, member);
      const isLeft = state.isLeft && member.account_id !== meId;
      return { members, gone: without(state.gone, member.account_id), isLeft };
    }
    case "member_left":
      return left(state, event.account_id, meId);
    case "member_removed": {
      const changes = left(state, event.account_id, meId);
      const banned = event.is_banned ? new Set(state.banned).add(event.account_id) : state.banned;
      // Whose content was erased is not named any more.
      const gone = event.is_erased ? without(state.gone, event.account_id) : changes.gone;
      return { ...changes, gone, banned };
    }
    case "ban_lifted": {
      const banned = new Set(state.banned);
      banned.delete(event.account_id);
      return { banned };
    }
    case "role_changed": {
      const member = state.members.get(event.account_id);
      if (member === undefined) return {};
      const changed = { ...member, role: event.role, until: event.role === "guest" ? member.until : undefined };
      return { members: new Map(state.members).set(event.account_id, changed) };
    }
    default:
      return {};
  }
}

/** `gone` with those whom older lines of the log tell of, and who are not there any more. Oldest line first. */
export function metIn(state: RoomState, log: readonly Event[]): ReadonlyMap<string, Member> {
  const met = new Map<string, Member>();
  for (const event of log) {
    if (event.type === "room_created") for (const member of event.members) met.set(member.account_id, member);
    else if (event.type === "member_joined") met.set(event.member.account_id, event.member);
    else if (event.type === "member_removed" && event.is_erased) met.delete(event.account_id);
  }
  for (const event of state.notices) {
    if (event.type === "member_removed" && event.is_erased) met.delete(event.account_id);
  }
  for (const accountId of state.members.keys()) met.delete(accountId);
  return met.size === 0 ? state.gone : new Map([...met, ...state.gone]);
}

function left(state: RoomState, accountId: string, meId: string): Partial<Changes> {
  const member = state.members.get(accountId);
  return {
    members: without(state.members, accountId),
    gone: member === undefined ? state.gone : new Map(state.gone).set(accountId, member),
    online: withoutOne(state.online, accountId),
    typing: withoutOne(state.typing, accountId),
    isLeft: state.isLeft || accountId === meId,
  };
}

function without(members: ReadonlyMap<string, Member>, accountId: string): ReadonlyMap<string, Member> {
  if (!members.has(accountId)) return members;
  const kept = new Map(members);
  kept.delete(accountId);
  return kept;
}

/** `accounts` without one of them; the same set if it was not in it. */
export function withoutOne(accounts: ReadonlySet<string>, accountId: string): ReadonlySet<string> {
  if (!accounts.has(accountId)) return accounts;
  const kept = new Set(accounts);
  kept.delete(accountId);
  return kept;
}
