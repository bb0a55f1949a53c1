/** The message that another one answers: who wrote it and how it begins; a press goes there. */

import { CornerUpRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";
import { beginningOf } from "./beginning";
import { indexOf } from "./rows";

export function Quote({ messageId }: { readonly messageId: string }) {
  const { t } = useTranslation();
  const { roomId, room, people } = useHere();
  const message = useRoomState(room, (state) => indexOf(state.messages).byId.get(messageId));
  return (
    <Link
      href={`/r/${roomId}/m/${messageId}`}
      className="-ml-1 flex min-h-6 max-w-full items-center gap-1.5 rounded-chip px-1 text-small text-ink-3 no-underline hover:bg-hover hover:text-ink-2"
    >
      <CornerUpRight aria-hidden="true" size={14} className="shrink-0" />
      {message === undefined ? (
        t("timeline.earlierMessage")
      ) : (
        <>
          <bdi className="shrink-0 font-medium">{people.name(message.author_id)}</bdi>
          <span dir="auto" className="min-w-0 truncate">
            {message.deleted_at === undefined ? beginningOf(message, t("timeline.aFile")) : t("timeline.deleted")}
          </span>
        </>
      )}
    </Link>
  );
}
