/** Where the reader is in a list, kept there while it grows: at its end, or at what is being read. */

import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { VirtualizerHandle } from "virtua";
import { type Align, Holding, LED_MS, PREPENDED_MS, type Scrolled } from "./holding";
import type { Row } from "./rows";

export interface Scrolling {
  readonly list: RefObject<VirtualizerHandle | null>;
  /** The box that scrolls. */
  readonly box: RefObject<HTMLDivElement | null>;
  readonly isAtEnd: boolean;
  readonly onScroll: () => void;
  readonly onResize: () => void;
  readonly toEnd: () => void;
  /** What leads upwards has been pressed, turned or touched. */
  readonly onPush: () => void;
  /** Leads the reader to a row. */
  readonly lead: (rowId: string, align: Align) => void;
}

export function useScrolling(rows: readonly Row[]): Scrolling {
  const list = useRef<VirtualizerHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(rows);
  latest.current = rows;
  const [isAtEnd, setAtEnd] = useState(true);
  const [holding] = useState(() => new Holding(scrolledBy(list, box, latest)));
  const told = useCallback(() => setAtEnd(holding.isAtEnd), [holding]);
  const timers = useRef(new Set<number>());

  const later = useCallback(
    (ms: number) => {
      const timer = window.setTimeout(() => {
        timers.current.delete(timer);
        holding.settle();
        holding.laidOut();
        told();
      }, ms + 1);
      timers.current.add(timer);
    },
    [holding, told],
  );
  useEffect(() => {
    const running = timers.current;
    return () => {
      for (const timer of running) window.clearTimeout(timer);
      running.clear();
    };
  }, []);

  const onResize = useCallback(() => {
    const left = holding.laidOut();
    if (left !== undefined) later(left);
    told();
  }, [holding, later, told]);

  const isPrepending = usePrepending(rows);
  // biome-ignore lint/correctness/useExhaustiveDependencies: any other row moves what is below it
  useLayoutEffect(() => {
    if (isPrepending) {
      holding.prepended();
      later(PREPENDED_MS);
    }
    onResize();
  }, [holding, later, onResize, rows]);

  const onPush = useCallback(() => holding.pushed(), [holding]);

  return useMemo(
    () => ({
      list,
      box,
      isAtEnd,
      onResize,
      onPush,
      onScroll: () => {
        holding.scrolled();
        told();
      },
      toEnd: () => {
        holding.toEnd();
        told();
      },
      lead: (rowId, align) => {
        holding.lead(rowId, align);
        later(LED_MS);
        told();
      },
    }),
    [holding, isAtEnd, later, onPush, onResize, told],
  );
}

function scrolledBy(
  list: RefObject<VirtualizerHandle | null>,
  box: RefObject<HTMLDivElement | null>,
  rows: RefObject<readonly Row[]>,
): Scrolled {
  return {
    offset: () => box.current?.scrollTop ?? 0,
    size: () => box.current?.scrollHeight ?? 0,
    viewport: () => box.current?.clientHeight ?? 0,
    to: (offset) => box.current?.scrollTo({ top: offset, behavior: "instant" }),
    row: (id) => {
      const place = rows.current.findIndex((row) => row.id === id);
      const at = list.current;
      return place < 0 || at === null ? undefined : { top: at.getItemOffset(place), height: at.getItemSize(place) };
    },
    at: (offset) => {
      const at = list.current;
      if (at === null) return undefined;
      const place = at.findItemIndex(offset);
      const row = rows.current[place];
      return row === undefined ? undefined : { id: row.id, top: at.getItemOffset(place) };
    },
    nowMs: () => performance.now(),
  };
}

const UPWARD_KEYS: ReadonlySet<string> = new Set(["ArrowUp", "PageUp", "Home", "k"]);

/** Tells of what leads upwards before the box has moved: it may come in the same moment in which rows grow. */
export function usePushes({ box, onPush }: Scrolling): void {
  useEffect(() => {
    const at = box.current;
    if (at === null) return;
    const ended = new AbortController();
    const { signal } = ended;
    const wheel = ({ deltaY }: WheelEvent) => deltaY < 0 && onPush();
    const key = (event: KeyboardEvent) => {
      if (UPWARD_KEYS.has(event.key) || (event.key === " " && event.shiftKey)) onPush();
    };
    // Only the bar: what is pressed within a row may make it grow.
    const press = ({ target }: PointerEvent) => target === at && onPush();
    at.addEventListener("wheel", wheel, { signal, passive: true });
    at.addEventListener("touchmove", onPush, { signal, passive: true });
    at.addEventListener("keydown", key, { signal });
    at.addEventListener("pointerdown", press, { signal });
    return () => ended.abort();
  }, [box, onPush]);
}

/** Tells when what scrolls has its new height in the page: the list itself tells already when it has only been reckoned. */
export function useGrowth({ box, onResize }: Scrolling): void {
  useEffect(() => {
    const at = box.current;
    if (at === null) return;
    const sizes = new ResizeObserver(onResize);
    sizes.observe(at);
    if (at.firstElementChild !== null) sizes.observe(at.firstElementChild);
    return () => sizes.disconnect();
  }, [box, onResize]);
}

/** For so many frames nothing moves in a list that is laid out: heights come in with one frame, and are used in the next. */
const STILL_FRAMES = 2;
/** Longer than a list ever took: some row may never have its last height. */
const MOST_FRAMES = 20;

/** False while the first rows get their heights and the list goes to its end: nobody is shown how. */
export function useIsLaidOut(box: RefObject<HTMLDivElement | null>): boolean {
  const [isLaidOut, setLaidOut] = useState(false);
  useEffect(() => {
    let seen = "";
    let still = 0;
    let left = MOST_FRAMES;
    const look = () => {
      const at = box.current;
      const now = at === null ? "" : `${at.scrollHeight} ${at.scrollTop}`;
      left -= 1;
      still = now === seen ? still + 1 : 0;
      if (still === STILL_FRAMES || left === 0) setLaidOut(true);
      else frame = requestAnimationFrame(look);
      seen = now;
    };
    let frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, [box]);
  return isLaidOut;
}

/** True in the painting in which rows came before what was first: then the list keeps its place from the end. */
export function usePrepending(rows: readonly Row[]): boolean {
  const first = useRef<string>(undefined);
  const now = rows[0]?.id;
  const isPrepending =
    first.current !== undefined && now !== first.current && rows.some((row) => row.id === first.current);
  useEffect(() => {
    first.current = now;
  }, [now]);
  return isPrepending;
}

const isLooked = () => document.visibilityState === "visible" && document.hasFocus();

/** Whether this window is looked at. */
export function useIsLookedAt(): boolean {
  const [isLookedAt, setLookedAt] = useState(isLooked);
  useEffect(() => {
    const changed = () => setLookedAt(isLooked());
    window.addEventListener("focus", changed);
    window.addEventListener("blur", changed);
    document.addEventListener("visibilitychange", changed);
    return () => {
      window.removeEventListener("focus", changed);
      window.removeEventListener("blur", changed);
      document.removeEventListener("visibilitychange", changed);
    };
  }, []);
  return isLookedAt;
}
