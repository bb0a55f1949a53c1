/** The list of a timeline: only what is seen is there, its place is kept when older rows come, its end when new ones do. */

import { ArrowDown } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Virtualizer } from "virtua";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { formatNumber } from "../../ui/i18n/format";
import { useHere } from "../cards/RoomHere";
import { useEdited } from "../replying";
import { type Doing, DoingContext } from "./doing";
import { RowView } from "./RowView";
import { useRowKeys } from "./rowKeys";
import { isStop, newAfter, newestSeq, type Row } from "./rows";
import { type Scrolling, useGrowth, useIsLaidOut, usePrepending, usePushes } from "./scrolling";

const NEAR_TOP_PX = 800;
/** What a row is taken for until it is measured: too little, and many are painted at first that nobody sees. */
const ROW_PX = 72;

export interface ListProps {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly scrolling: Scrolling;
  readonly threadRoot?: string | undefined;
  readonly hitId?: string | undefined;
  readonly onNearTop?: (() => void) | undefined;
  readonly markUnread: (messageId: string) => void;
}

export function List({ label, rows, scrolling, threadRoot, hitId, onNearTop, markUnread }: ListProps) {
  const { roomId, meId } = useHere();
  const box = useRef<HTMLDivElement>(null);
  const isPrepending = usePrepending(rows);
  const [reactingId, setReacting] = useState<string>();
  const doing = useMemo<Doing>(() => ({ threadRoot, setReacting, markUnread }), [threadRoot, markUnread]);
  const { list, toEnd, lead } = scrolling;
  const keys = useRowKeys({ rows, lead, box, doing, toEnd });
  const { activeId, activate } = keys;
  const editedId = useEdited(roomId, threadRoot);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it begins
  useEffect(() => {
    const row = rows.find(({ item }) => item.kind === "message" && item.message.id === editedId);
    if (row !== undefined) lead(row.id, "nearest");
  }, [editedId, lead]);
  const lastStop = rows.findLast(isStop)?.id;
  const tabId = rows.some((row) => row.id === activeId) ? activeId : lastStop;
  const place = rows.findIndex((row) => row.id === tabId);
  const isLaidOut = useIsLaidOut(scrolling.box);
  const fill = useCallback(() => {
    const at = list.current;
    // A list that is not laid out is at its beginning, wherever it opens.
    if (isLaidOut && at !== null && at.scrollOffset < NEAR_TOP_PX) onNearTop?.();
  }, [list, isLaidOut, onNearTop]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what came may not fill the window yet
  useEffect(() => {
    const frame = requestAnimationFrame(fill);
    return () => cancelAnimationFrame(frame);
  }, [fill, rows]);
  usePushes(scrolling);
  useGrowth(scrolling);
  const away = useAway(rows, scrolling.isAtEnd);
  return (
    <DoingContext value={doing}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the keys are those of the rows within */}
      <div ref={box} onKeyDown={keys.hear} className="relative min-h-0 flex-1">
        <div
          ref={scrolling.box}
          role="log"
          aria-live="off"
          aria-busy={!isLaidOut}
          aria-label={label}
          className={classes(
            "h-full contain-strict overflow-x-hidden overflow-y-auto overscroll-contain [overflow-anchor:none]",
            // The list takes no pointer while it scrolls; following its end it does so all the time that words stream.
            scrolling.isAtEnd && "*:pointer-events-auto!",
            !isLaidOut && "invisible",
          )}
        >
          <Virtualizer
            ref={list}
            data={rows}
            shift={isPrepending}
            itemSize={ROW_PX}
            keepMounted={place < 0 ? [] : [place]}
            onScroll={() => {
              scrolling.onScroll();
              fill();
            }}
            onResize={scrolling.onResize}
          >
            {(row) => (
              <RowView
                key={row.id}
                row={row}
                isActive={row.id === tabId}
                isReacting={row.item.kind === "message" && row.item.message.id === reactingId}
                isHit={row.item.kind === "message" && row.item.message.id === hitId}
                onActivate={activate}
              />
            )}
          </Virtualizer>
        </div>
        {!scrolling.isAtEnd && <JumpPill count={newAfter(rows, away, meId)} onPress={toEnd} />}
      </div>
    </DoingContext>
  );
}

/** The newest seq that was there when the reader left the end. */
function useAway(rows: readonly Row[], isAtEnd: boolean): number {
  const seq = useRef(0);
  useLayoutEffect(() => {
    if (isAtEnd) seq.current = newestSeq(rows);
  }, [isAtEnd, rows]);
  return seq.current;
}

function JumpPill({ count, onPress }: { readonly count: number; readonly onPress: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="pointer-events-none absolute inset-x-0 bottom-3 z-10 flex justify-center">
      <Button
        size="sm"
        icon={<ArrowDown size={15} />}
        onClick={onPress}
        className="pointer-events-auto rounded-full! pr-3.5 shadow-float"
      >
        {count === 0 ? t("timeline.toLatest") : t("timeline.toLatestNew", { count: formatNumber(count) })}
      </Button>
    </div>
  );
}
