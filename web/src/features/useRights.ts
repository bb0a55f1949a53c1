/** What the reader's role allows in a room, asked of the table of rights. The server has the last word. */

import type { RoomClient } from "../connection/types";
import type { Right } from "../protocol/rights";
import type { Role } from "../protocol/wire";
import { type About, may } from "../room/rights";
import { useMe, useRoomState } from "./hooks";

export interface Rights {
  /** undefined until the room is known, and for who is no member. */
  readonly role: Role | undefined;
  readonly isArchived: boolean;
  readonly may: (right: Right, about?: About) => boolean;
}

export function useRights(room: RoomClient): Rights {
  const me = useMe();
  const role = useRoomState(room, (state) => state.members.get(me.id)?.role);
  const settings = useRoomState(room, (state) => state.room.settings);
  const isArchived = useRoomState(room, (state) => state.room.archived_at !== undefined) ?? false;
  return {
    role,
    isArchived,
    may: (right, about) => role !== undefined && settings !== undefined && may(right, role, settings, about),
  };
}
