/** Names of the people and AIs of a room, also of those who have left it. */

import { useCallback, useMemo } from "react";
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
  // All rows of a room read it: another object would paint each of them again.
  return useMemo(() => ({ member, name }), [member, name]);
}

/** A name, kept apart from the text around it: it may be written in the other direction. */
export function Name({ people, id }: { readonly people: People; readonly id: string }) {
  return <bdi className="font-medium text-ink">{people.name(id)}</bdi>;
}

/** Mei, Sam and Ada, as the reader's language lists them. */
export function Names({ people, ids }: { readonly people: People; readonly ids: readonly string[] }) {
  const { i18n } = useTranslation();
  const list = new Intl.ListFormat(i18n.resolvedLanguage ?? "en", { type: "conjunction" });
  let place = 0;
  // The ids are listed, so that each part is known to be one of them or a word between.
  return list.formatToParts(ids).map((part) => {
    place += 1;
    return part.type === "element" ? (
      <Name key={part.value} people={people} id={part.value} />
    ) : (
      <span key={`between ${place}`}>{part.value}</span>
    );
  });
}
