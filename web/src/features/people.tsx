/** Names of the people and AIs of a room, also of those who have left it. */

import { useCallback, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../connection/types";
import type { Member } from "../protocol/wire";
import { useRoomState } from "./hooks";
import { lookAlikes } from "./lookAlike";

export interface People {
  readonly member: (id: string) => Member | undefined;
  /** As it is shown: with the handle where another's name looks the same. */
  readonly name: (id: string) => string;
}

type Members = ReadonlyMap<string, Member>;

/** Many views ask for the same members: they are looked through once. */
const looked = new WeakMap<Members, { readonly gone: Members | undefined; readonly alike: ReadonlySet<string> }>();

function alikeIn(members: Members, gone: Members | undefined): ReadonlySet<string> {
  const known = looked.get(members);
  if (known !== undefined && known.gone === gone) return known.alike;
  const alike = lookAlikes([...members.values(), ...(gone?.values() ?? [])]);
  looked.set(members, { gone, alike });
  return alike;
}

export function usePeople(room: RoomClient): People {
  const { t } = useTranslation();
  const members = useRoomState(room, (state) => state.members);
  const gone = useRoomState(room, (state) => state.gone);
  const member = useCallback((id: string) => members?.get(id) ?? gone?.get(id), [members, gone]);
  const name = useCallback(
    (id: string) => {
      const one = member(id);
      if (one === undefined) return t("common.someone");
      const isAlike = members !== undefined && alikeIn(members, gone).has(id);
      return isAlike ? `${one.display_name} (@${one.handle})` : one.display_name;
    },
    [member, members, gone, t],
  );
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
