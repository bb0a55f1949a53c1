/** One message that was found: where, who, when, and the words around the find. Leads to it in its room. */

import { Hash, MessageSquare, Paperclip } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { Author, Hit } from "../../protocol/api";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { Time } from "../../ui/Time";
import { wordsOf } from "../plainWords";
import { excerpt, isFound, marked } from "./marked";

export interface HitCardProps {
  readonly hit: Hit;
  readonly words: string;
  readonly author: Author | undefined;
  readonly roomName: string;
  readonly isDirect: boolean;
}

export function HitCard({ hit, words, author, roomName, isDirect }: HitCardProps) {
  const { t } = useTranslation();
  const { message } = hit;
  const isAi = author?.kind === "ai" || message.turn_id !== undefined;
  const name = author?.display_name ?? t("common.someone");
  const files = (message.attachments ?? []).filter((one) => one.state !== "removed");
  const RoomIcon = isDirect ? MessageSquare : Hash;
  return (
    <Link
      href={`/r/${hit.room_id}/m/${message.id}`}
      className="block rounded-card border border-line bg-surface px-4 py-3 transition-colors hover:border-line-strong hover:bg-sunken"
    >
      <span className="flex flex-wrap items-center gap-x-2 gap-y-1 text-meta text-ink-3">
        <Avatar name={name} seed={message.author_id} isAi={isAi} size="sm" />
        <bdi className="text-small font-semibold text-ink">{name}</bdi>
        {isAi && <Badge tone="ai">{t("common.ai")}</Badge>}
        <span className="inline-flex min-w-0 items-center gap-1">
          <RoomIcon aria-hidden="true" size={12} className="shrink-0" />
          <bdi className="truncate">{roomName}</bdi>
        </span>
        <span className="ms-auto inline-flex gap-1.5 tabular-nums">
          <Time at={message.at} as="day" />
          <Time at={message.at} />
        </span>
      </span>
      <span dir="auto" className="mt-1.5 block text-body text-ink wrap-anywhere">
        {marked(excerpt(bestText(hit, words), words), words).map((piece) =>
          piece.isFind ? (
            <mark key={piece.at} className="rounded-[3px] bg-accent-soft px-0.5 font-medium text-ink">
              {piece.text}
            </mark>
          ) : (
            <span key={piece.at}>{piece.text}</span>
          ),
        )}
      </span>
      {files.length > 0 && (
        <span className="mt-2 flex flex-wrap gap-1.5">
          {files.map((file) => (
            <Badge key={file.id} icon={<Paperclip aria-hidden="true" size={11} />} className="max-w-full">
              <bdi className="truncate">{file.name}</bdi>
            </Badge>
          ))}
        </span>
      )}
    </Link>
  );
}

/** The find may be in what was said in a recording, or in a card that an AI gave. */
function bestText(hit: Hit, words: string): string {
  const { message } = hit;
  const others = [
    ...(message.attachments ?? []).map((one) => one.transcript?.text ?? ""),
    ...(message.cards ?? []).map((card) => [card.title, card.text ?? ""].join(": ")),
  ].filter((text) => text !== "");
  const said = wordsOf(message.text);
  return [said, message.text, ...others].find((text) => isFound(text, words)) ?? (said || others[0] || "");
}
