/** The rooms of the list as it is drawn: in parts, in order, with the one that is open. */

import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useRoute } from "wouter";
import type { RoomEntry } from "../../connection/types";
import { useClient, useReadable } from "../hooks";
import { archivedRooms } from "../preferences";
import { inOrder, inParts, type RoomParts } from "./order";

export interface Rooms {
  /** undefined: not yet known. */
  readonly parts: RoomParts | undefined;
  readonly list: readonly RoomEntry[];
  readonly currentId: string | undefined;
}

export function useRooms(): Rooms {
  const client = useClient();
  const rooms = useReadable(client.rooms);
  const isOpen = useReadable(archivedRooms) === "open";
  const { i18n } = useTranslation();
  const [, params] = useRoute("/r/:roomId/*?");
  const language = i18n.resolvedLanguage ?? "en";
  const myName = client.me.display_name;
  return useMemo(() => {
    const parts = rooms === undefined ? undefined : inParts(rooms.values(), myName, language);
    return { parts, list: parts === undefined ? [] : inOrder(parts, isOpen), currentId: params?.roomId };
  }, [rooms, myName, language, isOpen, params?.roomId]);
}
