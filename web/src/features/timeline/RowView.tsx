/** One row of the list: the day or the line of what is new above it, and the message, card or notice itself. */

import { memo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { TimelineItem } from "../../room/state";
import { classes } from "../../ui/classes";
import { formatDateTime, formatDay } from "../../ui/i18n/format";
import { useMinute } from "../../ui/minute";
import { useHere } from "../cards/RoomHere";
import { TurnRow } from "../cards/TurnRow";
import { useDoing } from "./doing";
import { ToolCard } from "./fetched";
import { MessageRow } from "./MessageRow";
import { Notice } from "./Notice";
import { PendingRow } from "./PendingRow";
import { isStop, type Row, timeOf } from "./rows";

export interface RowViewProps {
  readonly row: Row;
  /** The one that keys act on, and that Tab comes to. */
  readonly isActive: boolean;
  readonly isReacting: boolean;
  /** What a link or a search led to. */
  readonly isHit: boolean;
  readonly onActivate: (id: string) => void;
}

export const RowView = memo(function RowView({ row, isActive, isReacting, isHit, onActivate }: RowViewProps) {
  const name = useRowName(row);
  const [isNear, setNear] = useState(false);
  const leaving = useRef<number>(undefined);
  const hasStop = isStop(row);
  const isSpaced = !row.isGrouped && row.item.kind !== "call" && row.item.kind !== "notice";
  const content = <Item row={row} isNear={isNear} isReacting={isReacting} />;
  const frame = classes(
    "relative mx-auto w-full max-w-[56rem] px-4 max-sm:px-3",
    isSpaced ? "pt-3 pb-0.5 compact:pt-1.5" : "py-0.5",
    row.item.kind === "call" && "py-1.5",
  );
  return (
    <div className={row.isLast ? "pb-4" : undefined}>
      {row.day !== undefined && <Day at={row.day} />}
      {row.isFirstUnread && <NewLine />}
      {hasStop ? (
        <article
          aria-label={name}
          data-row={row.id}
          tabIndex={isActive ? 0 : -1}
          data-landmark-focus={isActive ? "" : undefined}
          onFocus={() => {
            window.clearTimeout(leaving.current);
            setNear(true);
            onActivate(row.id);
          }}
          onBlur={(event) => {
            if (event.currentTarget.contains(event.relatedTarget)) return;
            // Only once the focus is where it goes: were the button under it taken away first, a window around would draw it back.
            leaving.current = window.setTimeout(() => setNear(false));
          }}
          onPointerEnter={() => setNear(true)}
          onPointerLeave={(event) => {
            if (!event.currentTarget.contains(document.activeElement)) setNear(false);
          }}
          className={classes(
            "group/row focus-visible:-outline-offset-2",
            frame,
            isHit ? "rounded-card bg-accent-soft" : isNear && row.item.kind === "message" && "rounded-card bg-sunken",
          )}
        >
          {content}
        </article>
      ) : (
        <div className={frame}>{content}</div>
      )}
    </div>
  );
});

interface ItemProps {
  readonly row: Row;
  readonly isNear: boolean;
  readonly isReacting: boolean;
}

function Item({ row, isNear, isReacting }: ItemProps) {
  const { threadRoot } = useDoing();
  const { item } = row;
  switch (item.kind) {
    case "message":
      return <MessageRow message={item.message} isGrouped={row.isGrouped} isNear={isNear} isReacting={isReacting} />;
    case "pending":
      return <PendingRow pending={item.pending} isGrouped={row.isGrouped} />;
    case "turn":
      return <TurnRow turn={item.turn} threadRoot={threadRoot} />;
    case "call":
      return (
        <div className="pl-11 max-sm:pl-0">
          <ToolCard call={item.call} />
        </div>
      );
    case "notice":
      return (
        <div className="pl-11">
          <Notice event={item.event} also={item.also} />
        </div>
      );
  }
}

/** "who, time": what a screen reader says of a row. */
function useRowName(row: Row): string {
  const { t } = useTranslation();
  const { people, meId } = useHere();
  return t("timeline.rowName", { who: people.name(whoOf(row.item, meId)), time: formatDateTime(timeOf(row.item)) });
}

function whoOf(item: TimelineItem, meId: string): string {
  switch (item.kind) {
    case "message":
      return item.message.author_id;
    case "call":
      return item.call.aiId;
    case "turn":
      return item.turn.ai_id;
    case "notice":
      return item.event.actor_id;
    case "pending":
      return meId;
  }
}

function Day({ at }: { readonly at: string }) {
  useMinute();
  return (
    <div className="mx-auto flex w-full max-w-[56rem] items-center gap-3 px-4 pt-5 pb-1">
      <span className="h-px flex-1 bg-line" />
      <span className="text-meta font-medium text-ink-3">{formatDay(at)}</span>
      <span className="h-px flex-1 bg-line" />
    </div>
  );
}

function NewLine() {
  const { t } = useTranslation();
  return (
    <div data-unread-line="" className="mx-auto flex w-full max-w-[56rem] items-center gap-3 px-4 pt-3">
      <span className="h-px flex-1 bg-accent/60" />
      <span className="rounded-full bg-accent-soft px-2.5 py-0.5 text-meta font-semibold text-accent">
        {t("timeline.new")}
      </span>
      <span className="h-px flex-1 bg-accent/60" />
    </div>
  );
}
