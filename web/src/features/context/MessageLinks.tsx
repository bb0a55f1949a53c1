/** Messages that something was made of: who said them, how they begin, and a link to each. */

import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { useRoomState } from "../hooks";
import type { People } from "../people";
import { beginningOf } from "./beginnings";

export interface MessageLinksProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly ids: readonly string[];
  /** How many are shown before "show all". */
  readonly most?: number;
}

export function MessageLinks({ room, people, ids, most = 5 }: MessageLinksProps) {
  const { t } = useTranslation();
  const messages = useRoomState(room, (state) => state.messages);
  const [isWhole, setWhole] = useState(false);
  const byId = useMemo(() => new Map((messages ?? []).map((message) => [message.id, message])), [messages]);
  // The newest are what an answer is most about.
  const shown = isWhole ? ids : ids.slice(-most);
  const known = shown.flatMap((id) => byId.get(id) ?? []);
  const older = shown.filter((id) => !byId.has(id));
  return (
    <>
      {older.length > 0 && (
        <p className="py-1 text-small text-ink-2">
          {t("context.olderMessages")} <SourceLinks room={room} ids={older} />
        </p>
      )}
      <ul className="flex flex-col gap-0.5">
        {known.map((message) => (
          <li key={message.id}>
            <Link
              href={`/r/${room.id}/m/${message.id}`}
              className="-mx-2 block truncate rounded-button px-2 py-1 text-small text-ink-2 hover:bg-hover hover:text-ink"
            >
              <bdi className="font-medium text-ink">{people.name(message.author_id)}</bdi>{" "}
              <span dir="auto">{beginningOf(message) || t("context.withoutWords")}</span>
            </Link>
          </li>
        ))}
      </ul>
      {ids.length > most && (
        <Button size="sm" variant="ghost" className="-ml-2.5" onClick={() => setWhole(!isWhole)}>
          {isWhole ? t("common.showLess") : t("context.showAllMessages", { count: ids.length })}
        </Button>
      )}
    </>
  );
}

/** Numbers that lead to where something was said, for a line that has no room for words. */
export function SourceLinks({ room, ids }: { readonly room: RoomClient; readonly ids: readonly string[] | undefined }) {
  const { t } = useTranslation();
  if (ids === undefined || ids.length === 0) return null;
  return (
    <span className="ml-1 inline-flex flex-wrap gap-1 align-baseline">
      {ids.map((id, place) => (
        <Link
          key={id}
          href={`/r/${room.id}/m/${id}`}
          aria-label={t("context.source", { number: place + 1 })}
          className="inline-flex min-h-6 min-w-6 items-center justify-center rounded-chip border border-line bg-sunken px-1 text-[0.6875rem] leading-none text-ink-2 tabular-nums hover:border-line-strong hover:text-ink"
        >
          {place + 1}
        </Link>
      ))}
    </span>
  );
}
