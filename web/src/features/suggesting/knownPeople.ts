/** Who can be written to: the members of one's rooms, asked for once in a while. */

import { useEffect, useState } from "react";
import type { Client } from "../../connection/types";
import type { Member } from "../../protocol/wire";
import { useClient } from "../hooks";

/** So many rooms are asked, the open one first. */
const MOST_ROOMS = 12;
const FRESH_MS = 60_000;

interface Known {
  readonly at: number;
  readonly people: readonly Member[];
}

const known = new WeakMap<Client, Known>();

export function useKnownPeople(roomId: string | undefined): readonly Member[] {
  const client = useClient();
  const [people, setPeople] = useState<readonly Member[]>(() => known.get(client)?.people ?? []);
  useEffect(() => {
    const held = known.get(client);
    if (held !== undefined && performance.now() - held.at < FRESH_MS) return;
    const stop = new AbortController();
    void askRooms(client, roomId, stop.signal).then((found) => {
      if (stop.signal.aborted) return;
      known.set(client, { at: performance.now(), people: found });
      setPeople(found);
    });
    return () => stop.abort();
  }, [client, roomId]);
  return people;
}

async function askRooms(client: Client, first: string | undefined, signal: AbortSignal): Promise<readonly Member[]> {
  const rooms = [...(client.rooms.get()?.values() ?? [])].filter((room) => !room.isArchived);
  rooms.sort((one, other) => Number(other.id === first) - Number(one.id === first));
  const lists = await Promise.all(
    rooms.slice(0, MOST_ROOMS).map((room) =>
      client.rest
        .call("GET /api/v1/rooms/{room_id}/members", { places: { room_id: room.id }, signal })
        .then((answer) => answer.members)
        // A room that says no has nobody to offer; the others do.
        .catch((): readonly Member[] => []),
    ),
  );
  const byId = new Map<string, Member>();
  for (const member of lists.flat()) if (member.account_id !== client.me.id) byId.set(member.account_id, member);
  return [...byId.values()].sort((one, other) => one.display_name.localeCompare(other.display_name));
}
