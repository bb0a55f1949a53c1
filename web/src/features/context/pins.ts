/** Which pinned messages a member sees. */

import type { RoomState } from "../../room/state";

/** The last that was pinned first. Who may not read what was before has no others than those that are here. */
export function pinsSeen(state: RoomState, meId: string): readonly string[] {
  const isKept = state.members.get(meId)?.role === "guest" && state.room.settings.guests_see_history === false;
  const here = new Set(isKept ? state.messages.map((message) => message.id) : []);
  return state.pins.filter((id) => !isKept || here.has(id)).reverse();
}

export const samePins = (one: readonly string[] | undefined, other: readonly string[] | undefined): boolean =>
  one?.join() === other?.join();
