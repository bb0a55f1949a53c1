/** A message and what was answered to it, beside the room; its composer is given by whoever opens it. */

import { type ReactNode, useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { timelineOf } from "../../room/timeline";
import { Sheet } from "../../ui/Sheet";
import { RoomHere, useHere } from "../cards/RoomHere";
import { useReadable } from "../hooks";
import { Note, Refusal } from "../sections";
import { List } from "./List";
import { Rows, threadItems } from "./rows";
import { useScrolling } from "./scrolling";
import { TimelineSkeleton } from "./TimelineSkeleton";

export interface ThreadSheetProps {
  readonly roomId: string;
  readonly rootId: string;
  readonly onClose: () => void;
  /** The composer of this thread. */
  readonly children?: ReactNode;
}

export function ThreadSheet({ roomId, rootId, onClose, children }: ThreadSheetProps) {
  const { t } = useTranslation();
  return (
    <Sheet
      isOpen
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title={t("timeline.thread")}
      begins="[data-landmark=composer] textarea"
      className="w-[min(32rem,100vw)]!"
    >
      <RoomHere key={`${roomId}/${rootId}`} roomId={roomId}>
        <Answers rootId={rootId} />
      </RoomHere>
      {children}
    </Sheet>
  );
}

function Answers({ rootId }: { readonly rootId: string }) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const state = useReadable(room.state);
  const pending = useReadable(room.pending);
  const [made] = useState(() => new Rows());
  const [isMissing, setMissing] = useState(false);
  const rows = useMemo(() => {
    const items = state === undefined ? [] : threadItems(timelineOf(state, pending), rootId);
    return made.of(items, {
      meId,
      firstUnread: undefined,
      isAi: (id) => people.member(id)?.kind === "ai",
    });
  }, [made, state, pending, rootId, meId, people]);
  const scrolling = useScrolling(rows);
  const isOpen = state !== undefined;
  const isHere = rows.some((row) => row.item.kind === "message" && row.item.message.id === rootId);
  useEffect(() => {
    if (!isOpen || isHere) return;
    let isWanted = true;
    const missing = () => {
      if (isWanted) setMissing(true);
    };
    room.loadAround(rootId).then((isFound) => {
      if (!isFound) missing();
    }, missing);
    return () => {
      isWanted = false;
    };
  }, [room, rootId, isOpen, isHere]);
  if (isMissing && !isHere) {
    return (
      <div className="flex-1 p-4">
        <Refusal text={t("timeline.notFound")} />
      </div>
    );
  }
  if (!isHere) return <TimelineSkeleton />;
  return (
    <>
      <List
        label={t("timeline.thread")}
        rows={rows}
        scrolling={scrolling}
        threadRoot={rootId}
        markUnread={() => undefined}
      />
      {rows.length === 1 && <Note className="px-4 pb-3">{t("timeline.noReplies")}</Note>}
    </>
  );
}
