/** How views read what changes: one subscription each, painted again only when what they selected is another. */

import { createContext, useCallback, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";
import type { Client, RoomClient } from "../connection/types";
import type { Account } from "../protocol/wire";
import type { Readable } from "../room/readable";
import type { RoomState } from "../room/state";

export const ClientContext = createContext<Client | undefined>(undefined);

export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === undefined) throw new Error("there is no client around this view");
  return client;
}

export function useMe(): Account {
  return useClient().me;
}

export function useReadable<T>(readable: Readable<T>): T {
  return useSyncExternalStore(
    useCallback((changed) => readable.subscribe(changed), [readable]),
    () => readable.get(),
  );
}

/** `select` picks a part; the view is painted again only if `isSame` says that it is another. */
export function useSelected<T, S>(
  readable: Readable<T>,
  select: (value: T) => S,
  isSame: (one: S, other: S) => boolean = Object.is,
): S {
  const held = useRef<{ readonly of: T; readonly by: (value: T) => S; readonly is: S } | undefined>(undefined);
  const read = () => {
    const value = readable.get();
    const last = held.current;
    if (last !== undefined && last.of === value && last.by === select) return last.is;
    const selected = select(value);
    const is = last !== undefined && isSame(last.is, selected) ? last.is : selected;
    held.current = { of: value, by: select, is };
    return is;
  };
  return useSyncExternalStore(
    useCallback((changed) => readable.subscribe(changed), [readable]),
    read,
  );
}

/** The room, held open while the view is there. */
export function useRoom(roomId: string): RoomClient {
  const client = useClient();
  useEffect(() => client.hold(roomId), [client, roomId]);
  return client.room(roomId);
}

/** A part of an open room's state; undefined until its first snapshot. */
export function useRoomState<S>(
  room: RoomClient,
  select: (state: RoomState) => S,
  isSame?: (one: S | undefined, other: S | undefined) => boolean,
): S | undefined {
  return useSelected(room.state, (state) => (state === undefined ? undefined : select(state)), isSame);
}

/** `value` as it is now, but another one at most every `ms`: for what is asked anew with it. The last one always comes. */
export function useAtMostEvery<T>(value: T, ms: number): T {
  const [given, setGiven] = useState(value);
  const latest = useRef(value);
  latest.current = value;
  const isBehind = value !== given;
  useEffect(() => {
    if (!isBehind) return;
    const later = setTimeout(() => setGiven(latest.current), ms);
    return () => clearTimeout(later);
  }, [isBehind, ms]);
  return given;
}
