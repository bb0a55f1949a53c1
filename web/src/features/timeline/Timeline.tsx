/** What was said and done in a room, as it happens. */

import { MessageSquareOff } from "lucide-react";
import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { timelineOf } from "../../room/timeline";
import { EmptyState } from "../../ui/EmptyState";
import { Spinner } from "../../ui/Spinner";
import { sentenceOf } from "../answers";
import { RoomHere, useHere } from "../cards/RoomHere";
import { useClient, useReadable, useRoomState } from "../hooks";
import { marked, setMarked } from "../preferences";
import { Refusal } from "../sections";
import { Announcer } from "./Announcer";
import { EmptyRoom, useWhole } from "./fetched";
import { List } from "./List";
import { newestSeq, type Row, Rows } from "./rows";
import { type Scrolling, useIsLookedAt, useScrolling } from "./scrolling";
import { useSeeking } from "./seeking";
import { TimelineSkeleton } from "./TimelineSkeleton";
import { useUnreadLine } from "./unreadLine";

export interface TimelineProps {
  readonly roomId: string;
  /** Where a link or a search led to. */
  readonly focusMessageId?: string | undefined;
}

export function Timeline({ roomId, focusMessageId }: TimelineProps) {
  return (
    <RoomHere key={roomId} roomId={roomId}>
      <div className="relative flex min-h-0 flex-1 flex-col bg-surface">
        <Said focusMessageId={focusMessageId} />
      </div>
      <Announcer />
    </RoomHere>
  );
}

const NONE: readonly Row[] = [];

function Said({ focusMessageId }: { readonly focusMessageId: string | undefined }) {
  const { t } = useTranslation();
  const { room } = useHere();
  const refused = useReadable(room.refused);
  const name = useRoomState(room, (state) => state.room.name);
  const hasOlder = useRoomState(room, (state) => state.hasOlder) ?? false;
  const [markedBefore] = useState(() => marked.get().get(room.id));
  const [markedFrom, setMarkedFrom] = useState<string>();
  useEffect(() => setMarked(room.id, undefined), [room]);
  const markUnread = useCallback(
    (messageId: string) => {
      setMarkedFrom(messageId);
      setMarked(room.id, messageId);
    },
    [room],
  );
  const whole = useWhole(useRows(markedFrom ?? markedBefore));
  // A list that comes is painted piece by piece: keys and clicks are heard meanwhile.
  const isAway = useDeferredValue(whole === undefined);
  const rows = isAway ? NONE : (whole ?? NONE);
  const scrolling = useScrolling(rows);
  const older = useOlder(hasOlder);
  const sought = useSeeking(focusMessageId, rows, scrolling);
  useOpening(rows, focusMessageId, scrolling);
  useOwnWords(rows, scrolling);
  useReadMark(rows, scrolling.isAtEnd && markedFrom === undefined);
  if (refused !== undefined) {
    return (
      <EmptyState icon={<MessageSquareOff size={22} />} title={t("timeline.closed")} className="my-auto">
        {sentenceOf(refused)}
      </EmptyState>
    );
  }
  if (name === undefined || isAway) return <TimelineSkeleton />;
  if (rows.length === 0 && !hasOlder) return <EmptyRoom />;
  return (
    <>
      {older.isLoading && <Strip words={t("timeline.loadingOlder")} />}
      {sought?.kind === "loading" && <Strip words={t("timeline.seeking")} />}
      {sought?.kind === "missing" && (
        <div className="px-4 pt-2">
          <Refusal text={t("timeline.notFound")} />
        </div>
      )}
      {sought?.kind === "failed" && (
        <div className="px-4 pt-2">
          <Refusal text={sought.why} onRetry={sought.again} />
        </div>
      )}
      {older.refusal !== undefined && (
        <div className="px-4 pt-2">
          <Refusal text={older.refusal} onRetry={older.load} />
        </div>
      )}
      <List
        label={t("timeline.log", { name })}
        rows={rows}
        scrolling={scrolling}
        hitId={focusMessageId}
        onNearTop={older.refusal === undefined ? older.load : undefined}
        markUnread={markUnread}
      />
    </>
  );
}

/**
 * undefined until it is known where to begin. `markedFrom`: marked as unread by hand, in this browser: the server's mark
 * never goes back.
 */
function useRows(markedFrom: string | undefined): readonly Row[] | undefined {
  const { room, people, meId } = useHere();
  const state = useReadable(room.state);
  const pending = useReadable(room.pending);
  const [made] = useState(() => new Rows());
  const items = state === undefined ? undefined : timelineOf(state, pending);
  const line = useUnreadLine(room, meId);
  const unread = markedFrom ?? line?.id;
  const isAi = useCallback((id: string) => people.member(id)?.kind === "ai", [people]);
  const isKnown = line !== undefined;
  return useMemo(
    () => (isKnown && items !== undefined ? made.of(items, { meId, firstUnread: unread, isAi }) : undefined),
    [made, items, meId, unread, isAi, isKnown],
  );
}

interface Older {
  readonly load: () => void;
  readonly isLoading: boolean;
  readonly refusal: string | undefined;
}

function useOlder(hasOlder: boolean): Older {
  const { room } = useHere();
  const isOnline = useReadable(useClient().status).kind === "online";
  const [isLoading, setLoading] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const isAsked = useRef(false);
  const load = useCallback(() => {
    if (!hasOlder || isAsked.current) return;
    isAsked.current = true;
    setLoading(true);
    setRefusal(undefined);
    room
      .loadOlder()
      .catch((error: unknown) => setRefusal(sentenceOf(error)))
      .finally(() => {
        isAsked.current = false;
        setLoading(false);
      });
  }, [room, hasOlder]);
  const isRefused = refusal !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the connection is back
  useEffect(() => {
    if (isOnline && isRefused) load();
  }, [isOnline]);
  return { load, isLoading, refusal };
}

/** A room opens at the line of what is new, else at its end. */
function useOpening(rows: readonly Row[], focusMessageId: string | undefined, { lead }: Scrolling): void {
  const isOpened = useRef(false);
  useEffect(() => {
    if (isOpened.current || rows.length === 0) return;
    isOpened.current = true;
    const line = rows.find((row) => row.isFirstUnread);
    if (focusMessageId === undefined && line !== undefined) lead(line.id, "start");
  }, [rows, focusMessageId, lead]);
}

/** Whoever says something wants to see it. */
function useOwnWords(rows: readonly Row[], { toEnd }: Scrolling): void {
  const last = rows.at(-1);
  const key = last?.item.kind === "pending" ? last.item.pending.key : undefined;
  useEffect(() => {
    if (key !== undefined) toEnd();
  }, [key, toEnd]);
}

/** What is seen at the end of a window that is looked at has been read. */
function useReadMark(rows: readonly Row[], isAtEnd: boolean): void {
  const { room } = useHere();
  const isLookedAt = useIsLookedAt();
  const read = useRoomState(room, (state) => state.read.seq) ?? 0;
  const seq = newestSeq(rows);
  useEffect(() => {
    if (isAtEnd && isLookedAt && seq > read) room.markRead(seq);
  }, [room, isAtEnd, isLookedAt, seq, read]);
}

function Strip({ words }: { readonly words: string }) {
  return (
    <p
      role="status"
      className="absolute inset-x-0 top-2 z-10 mx-auto flex h-8 w-fit items-center gap-2 rounded-full border border-line bg-surface px-3.5 text-meta text-ink-2 shadow-raised"
    >
      <Spinner size={13} />
      {words}
    </p>
  );
}
