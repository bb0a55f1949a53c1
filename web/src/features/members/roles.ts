/** Members in parts by role, and what may be done to one of them. */

import type { Member, Role } from "../../protocol/wire";
import { highestRoleGivenBy, isClosed, mayHere } from "../../room/rights";
import type { RoomState } from "../../room/state";

export type PersonRole = Exclude<Role, "ai">;
export const PERSON_ROLES: readonly PersonRole[] = ["owner", "admin", "member", "guest"];
/** In the order of the pane. */
export const ROLES: readonly Role[] = ["owner", "admin", "ai", "member", "guest"];

export interface RolePart {
  readonly role: Role;
  readonly members: readonly Member[];
}

/** Who is here comes first, then by name; roles that nobody has are left out. */
export function byRole(members: Iterable<Member>, online: ReadonlySet<string>, language: string): readonly RolePart[] {
  const collator = new Intl.Collator(language, { sensitivity: "base" });
  const all = [...members];
  return ROLES.map((role) => ({
    role,
    members: all
      .filter((member) => member.role === role)
      .sort(
        (one, other) =>
          Number(online.has(other.account_id)) - Number(online.has(one.account_id)) ||
          collator.compare(one.display_name, other.display_name),
      ),
  })).filter((part) => part.members.length > 0);
}

/** By name or handle. */
export function isNamed(member: Member, written: string): boolean {
  const wanted = written.trim().toLocaleLowerCase().replace(/^@/, "");
  return (
    wanted === "" ||
    member.display_name.toLocaleLowerCase().includes(wanted) ||
    member.handle.toLowerCase().includes(wanted)
  );
}

export function rolesUpTo(highest: Role | undefined): readonly PersonRole[] {
  if (highest === undefined || highest === "ai") return [];
  return PERSON_ROLES.slice(PERSON_ROLES.indexOf(highest));
}

/** The roles that this member could be given; none: its role stays. */
export function rolesFor(state: RoomState, meId: string, member: Member): readonly PersonRole[] {
  const me = state.members.get(meId);
  if (me === undefined || isFixed(state) || member.kind === "ai") return [];
  if (!mayHere(state, meId, "change_role", { towards: member.role })) return [];
  return rolesUpTo(highestRoleGivenBy(me.role, state.room.settings, false));
}

export function mayRemove(state: RoomState, meId: string, member: Member): boolean {
  return member.account_id !== meId && !isFixed(state) && mayHere(state, meId, "remove", { towards: member.role });
}

/** Who is in a direct room stays in it; and a closed room stays as it is. */
export function isFixed(state: RoomState): boolean {
  return state.room.kind === "direct" || isClosed(state);
}

export function isLastOwner(state: RoomState, member: Member): boolean {
  if (member.role !== "owner") return false;
  return [...state.members.values()].filter((one) => one.role === "owner").length === 1;
}
