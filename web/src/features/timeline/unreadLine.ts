/** Where the line of what is new stands: as it stood when the room was opened, whatever is read since. */

import { useEffect, useRef, useState } from "react";
import type { RoomClient } from "../../connection/types";
import type { RoomState } from "../../room/state";
import { firstUnread } from "../../room/unread";
import { useReadable } from "../hooks";

/** Where more is new than this a room opens at its end, and has no line. */
const MOST_FETCHED = 500;

export interface UnreadLine {
  /** The message that it stands above; undefined: there is none. */
  readonly id: string | undefined;
}

/** undefined while older messages are fetched, among which the first unread one is. */
export function useUnreadLine(room: RoomClient, meId: string): UnreadLine | undefined {
  const state = useReadable(room.state);
  const [isFetched, setFetched] = useState(false);
  const line = useRef<UnreadLine>(undefined);
  if (state !== undefined && line.current === undefined) {
    if (reaches(state)) line.current = { id: firstUnread(state, meId)?.id };
    // Whoever cannot have it now begins at the end.
    else if (isFetched || state.readBefore.unread > MOST_FETCHED) line.current = { id: undefined };
  }
  const wanted = line.current === undefined ? state?.readBefore.seq : undefined;
  useEffect(() => {
    if (wanted === undefined) return;
    const fetched = () => setFetched(true);
    room.loadSince(wanted).then(fetched, fetched);
  }, [room, wanted]);
  return line.current;
}

/** What had been read is here: what comes right after it is the first that had not. */
function reaches({ hasOlder, oldestSeq, readBefore }: RoomState): boolean {
  return readBefore.unread === 0 || !hasOlder || oldestSeq <= readBefore.seq;
}
