/** What waits in the rooms for whom this page is of: what is said to them, and what is said at all. */

import type { RoomEntry } from "../../connection/types";

/** So many messages are for the reader: those that mention them, and all where there is nobody else. */
export function forMe(entry: RoomEntry): number {
  return entry.kind === "direct" ? Math.max(entry.unread, entry.mentions) : entry.mentions;
}

/** Of rooms that stand out when something is said in them. */
export function waitingFor(entry: RoomEntry, muted: ReadonlySet<string>): number {
  return entry.isArchived || muted.has(entry.id) ? 0 : forMe(entry);
}

export interface Waiting {
  readonly forMe: number;
  /** Something else is unread. */
  readonly isMore: boolean;
}

export function waitingIn(
  rooms: ReadonlyMap<string, RoomEntry> | undefined,
  muted: ReadonlySet<string>,
  but?: string,
): Waiting {
  let sum = 0;
  let isMore = false;
  for (const entry of rooms?.values() ?? []) {
    if (entry.id === but || entry.isArchived || muted.has(entry.id)) continue;
    sum += forMe(entry);
    isMore ||= entry.unread > 0;
  }
  return { forMe: sum, isMore };
}
