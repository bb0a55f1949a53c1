/** Names of the people and AIs of a room, also of those who have left it. */

import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../connection/types";
import type { Member } from "../protocol/wire";
import { useRoomState } from "./hooks";

export interface People {
  readonly member: (id: string) => Member | undefined;
  readonly name: (id: string) => string;
}

export function usePeople(room: RoomClient): People {
  const { t } = useTranslation();
  const members = useRoomState(room, (state) => state.members);
  const gone = useRoomState(room, (state) => state.gone);
  const member = useCallback((id: string) => members?.get(id) ?? gone?.get(id), [members, gone]);
  const name = useCallback((id: string) => member(id)?.display_name ?? t("common.someone"), [member, t]);
  return { member, name };
}

/** A name, kept apart from the text around it: it may be written in the other direction. */
export function Name({ people, id }: { readonly people: People; readonly id: string }) {
  return <bdi className="font-medium text-ink">{people.name(id)}</bdi>;
}

export function Names({ people, ids }: { readonly people: People; readonly ids: readonly string[] }) {
  return ids.map((id, place) => (
    <span key={id}>
      {place > 0 && ", "}
      <Name people={people} id={id} />
    </span>
  ));
}
