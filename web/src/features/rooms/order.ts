/** The list of rooms in its parts and order, and which one comes next. */

import type { RoomEntry } from "../../connection/types";

export interface RoomParts {
  readonly rooms: readonly RoomEntry[];
  readonly direct: readonly RoomEntry[];
  readonly archived: readonly RoomEntry[];
}

/** A direct room is called as all who are in it; one's own name says nothing to oneself. */
export function shownName(entry: Pick<RoomEntry, "kind" | "name">, myName: string): string {
  if (entry.kind === "room") return entry.name;
  const names = entry.name.split(", ");
  const mine = names.indexOf(myName);
  const others = names.filter((_, place) => place !== mine);
  return others.length === 0 ? entry.name : others.join(", ");
}

/** By name, so that a row stays where the hand knows it. */
export function inParts(entries: Iterable<RoomEntry>, myName: string, language: string): RoomParts {
  const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
  const sorted = [...entries].sort(
    (one, other) => collator.compare(shownName(one, myName), shownName(other, myName)) || (one.id < other.id ? -1 : 1),
  );
  return {
    rooms: sorted.filter((entry) => !entry.isArchived && entry.kind === "room"),
    direct: sorted.filter((entry) => !entry.isArchived && entry.kind === "direct"),
    archived: sorted.filter((entry) => entry.isArchived),
  };
}

/** As they stand one under the other. */
export function inOrder(parts: RoomParts, withArchived: boolean): readonly RoomEntry[] {
  return [...parts.rooms, ...parts.direct, ...(withArchived ? parts.archived : [])];
}

/** The one above or below; at the end it goes round. */
export function neighbour(
  list: readonly RoomEntry[],
  currentId: string | undefined,
  step: 1 | -1,
): RoomEntry | undefined {
  const at = list.findIndex((entry) => entry.id === currentId);
  if (at === -1) return list.at(step === 1 ? 0 : -1);
  return list[(at + step + list.length) % list.length];
}

/** The next below where something waits: mentions first, and never a muted room without one. */
export function nextUnread(
  list: readonly RoomEntry[],
  currentId: string | undefined,
  muted: ReadonlySet<string>,
): RoomEntry | undefined {
  const at = list.findIndex((entry) => entry.id === currentId);
  const round = [...list.slice(at + 1), ...list.slice(0, Math.max(0, at))];
  return round.find((entry) => entry.mentions > 0) ?? round.find((entry) => entry.unread > 0 && !muted.has(entry.id));
}
