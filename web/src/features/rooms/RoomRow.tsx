/** One room of the list: its name, and in words and signs what waits in it. */

import { BellOff, CircleAlert, Hash, PencilLine, Sparkle } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomEntry } from "../../connection/types";
import { Avatar } from "../../ui/Avatar";
import { CountBadge } from "../../ui/Badge";
import { classes } from "../../ui/classes";
import { useReadable } from "../hooks";
import { marked } from "../preferences";

export interface RoomRowProps {
  readonly entry: RoomEntry;
  readonly name: string;
  readonly isCurrent: boolean;
  readonly isMuted: boolean;
  readonly hasDraft: boolean;
  /** The one row of the list that Tab reaches. */
  readonly isTabStop: boolean;
  readonly onOpen: () => void;
  readonly onFocus: () => void;
}

export function RoomRow({ entry, name, isCurrent, isMuted, hasDraft, isTabStop, onOpen, onFocus }: RoomRowProps) {
  const { t } = useTranslation();
  const isMarked = useReadable(marked).has(entry.id) && !isCurrent;
  const stands = (entry.unread > 0 && !isMuted) || entry.mentions > 0 || isMarked;
  // There everything is said to the reader.
  const isToMe = entry.kind === "direct" && !isMuted;
  return (
    <li>
      <Link
        href={`/r/${entry.id}`}
        data-room-row={entry.id}
        data-landmark-focus={isTabStop ? "" : undefined}
        tabIndex={isTabStop ? 0 : -1}
        aria-current={isCurrent ? "page" : undefined}
        onClick={onOpen}
        onFocus={onFocus}
        className={classes(
          "relative flex h-8 items-center gap-2 rounded-button pr-2 pl-3 text-[0.875rem] transition-colors focus-visible:-outline-offset-2",
          "compact:h-7 pointer-coarse:h-11",
          isCurrent ? "bg-accent-soft text-accent" : "hover:bg-hover",
          !isCurrent && (stands ? "text-ink" : isMuted || entry.isArchived ? "text-ink-3" : "text-ink-2"),
        )}
      >
        {isCurrent && (
          <span aria-hidden="true" className="absolute inset-y-1.5 left-0 w-[3px] rounded-full bg-accent" />
        )}
        {entry.kind === "direct" ? (
          <Avatar name={name} seed={entry.facing ?? entry.id} isAi={entry.hasAi === true} size="xs" />
        ) : (
          <Hash aria-hidden="true" size={16} className={classes("mx-0.5 shrink-0", isCurrent ? "" : "text-ink-3")} />
        )}
        <bdi className={classes("min-w-0 flex-1 truncate", stands && "font-semibold")}>{name}</bdi>
        {entry.needsApproval === true ? (
          <span className="inline-flex shrink-0 items-center gap-1 text-[0.6875rem] font-medium text-warn">
            <CircleAlert aria-hidden="true" size={12} />
            <span aria-hidden="true">{t("rooms.approval")}</span>
            <span className="sr-only">, {t("rooms.needsApproval")}</span>
          </span>
        ) : entry.isAiWorking ? (
          <span className="inline-flex shrink-0 items-center gap-1 text-[0.6875rem] font-medium text-ai">
            <Sparkle aria-hidden="true" size={11} fill="currentColor" className="animate-breathe" />
            <span aria-hidden="true">{t("rooms.ai")}</span>
            <span className="sr-only">, {t("rooms.aiWorking")}</span>
          </span>
        ) : null}
        {hasDraft && !isCurrent && (
          <>
            <PencilLine aria-hidden="true" size={14} className="shrink-0 text-ink-3" />
            <span className="sr-only">, {t("rooms.draft")}</span>
          </>
        )}
        {isMuted && (
          <>
            <BellOff aria-hidden="true" size={14} className="shrink-0 text-ink-3" />
            <span className="sr-only">, {t("rooms.muted")}</span>
          </>
        )}
        {isMarked && entry.unread === 0 && (
          <>
            <span aria-hidden="true" className="size-2 shrink-0 rounded-full bg-accent" />
            <span className="sr-only">, {t("rooms.marked")}</span>
          </>
        )}
        {isToMe || entry.mentions === 0 ? (
          entry.unread > 0 &&
          !isMuted && (
            <CountBadge
              tone={isToMe ? "accent" : "neutral"}
              count={entry.unread}
              label={`, ${t("rooms.unread", { count: entry.unread })}`}
            />
          )
        ) : (
          <CountBadge count={entry.mentions} label={`, ${t("rooms.mentions", { count: entry.mentions })}`} />
        )}
      </Link>
    </li>
  );
}
