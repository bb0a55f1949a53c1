/** Whom one faces in a direct room: always the same, so it is asked once, and kept in this browser. */

import { useEffect } from "react";
import type { RoomEntry } from "../connection/types";
import { useClient, useReadable } from "./hooks";
import { faces } from "./preferences";

/**
 * What the colour of the room's face is made of: the account of the other one; the room itself, if there are several.
 * Empty while it is not known.
 */
export function useFacing({ id, kind, hasAi }: RoomEntry): string {
  const client = useClient();
  const face = faceIn(useReadable(faces), id);
  // What came late may have been kept for whoever signed in next.
  const isUnknown = kind === "direct" && hasAi !== true && (face === "" || face === client.me.id);
  useEffect(() => {
    // What cannot be fetched now is so at the next visit.
    if (isUnknown) import("./askFacing").then(({ askFacing }) => askFacing(client, id)).catch(() => {});
  }, [client, id, isUnknown]);
  return isUnknown ? "" : face;
}

/** The newest of what is kept. */
export function faceIn(kept: string, roomId: string): string {
  const at = kept.lastIndexOf(`${roomId}:`);
  return at < 0 ? "" : (kept.slice(at + roomId.length + 1).split(" ")[0] ?? "");
}
