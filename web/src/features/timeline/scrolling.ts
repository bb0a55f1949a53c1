/** Where the reader is in a list: whether at its end, and then the list stays there while it grows. */

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { VListHandle } from "virtua";
import type { Row } from "./rows";

const NEAR_END_PX = 60;
const UPWARD_PX = 2;

export interface Scrolling {
  readonly list: RefObject<VListHandle | null>;
  readonly isAtEnd: boolean;
  readonly onScroll: (offset: number) => void;
  readonly onResize: () => void;
  readonly toEnd: () => void;
  /** The reader was led elsewhere: the list stays there. */
  readonly leaveEnd: () => void;
}

export function useScrolling(rows: readonly Row[]): Scrolling {
  const list = useRef<VListHandle>(null);
  const last = useRef(0);
  const isStuck = useRef(true);
  const [isAtEnd, setAtEnd] = useState(true);
  const count = rows.length;

  const frame = useRef(0);

  const stick = useCallback(() => {
    const go = () => {
      if (isStuck.current && count > 0) list.current?.scrollToIndex(count - 1, { align: "end" });
    };
    go();
    // Once more when what was measured has its height in the page: before, there may be nowhere to scroll to.
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(go);
  }, [count]);

  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  const set = useCallback((isThere: boolean) => {
    isStuck.current = isThere;
    setAtEnd(isThere);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: any other row moves the end
  useLayoutEffect(stick, [stick, rows]);

  const onScroll = useCallback(
    (offset: number) => {
      const at = list.current;
      if (at === null) return;
      const isThere = offset + at.viewportSize >= at.scrollSize - NEAR_END_PX;
      // What grows pushes the end away without the reader having gone up.
      if (isThere) set(true);
      else if (offset < last.current - UPWARD_PX) set(false);
      last.current = offset;
    },
    [set],
  );

  const toEnd = useCallback(() => {
    set(true);
    stick();
  }, [set, stick]);

  return { list, isAtEnd, onScroll, onResize: stick, toEnd, leaveEnd: useCallback(() => set(false), [set]) };
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
