/** The title of the page: how many mentions wait, and where one is. */

import { useEffect } from "react";
import type { RoomEntry } from "../../connection/types";
import { useClient, useSelected } from "../hooks";

export function mentionsIn(rooms: ReadonlyMap<string, RoomEntry> | undefined, but?: string): number {
  let sum = 0;
  for (const entry of rooms?.values() ?? []) if (entry.id !== but && !entry.isArchived) sum += entry.mentions;
  return sum;
}

export function useTitle(name: string): void {
  const client = useClient();
  const mentions = useSelected(client.rooms, mentionsIn);
  useEffect(() => {
    const title = name === "" ? "Multiplayer" : `${name} · Multiplayer`;
    document.title = mentions > 0 ? `(${mentions}) ${title}` : title;
  }, [name, mentions]);
}
