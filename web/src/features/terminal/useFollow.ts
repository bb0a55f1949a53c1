/** Keeps the end of what grows in sight, until the reader scrolls away from it. */

import { type RefObject, useCallback, useEffect, useRef, useState } from "react";

export interface Follow {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly content: RefObject<HTMLDivElement | null>;
  readonly isFollowing: boolean;
  readonly onScroll: () => void;
  readonly follow: () => void;
}

/** So near to the end counts as at it. */
const NEAR_PX = 24;

export function useFollow(): Follow {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [isFollowing, setFollowing] = useState(true);
  const following = useRef(true);

  const toEnd = useCallback(() => {
    const box = scroller.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  }, []);
  const set = useCallback((next: boolean) => {
    following.current = next;
    setFollowing(next);
  }, []);

  useEffect(() => {
    if (content.current === null) return;
    const grows = new ResizeObserver(() => {
      if (following.current) toEnd();
    });
    grows.observe(content.current);
    return () => grows.disconnect();
  }, [toEnd]);

  const onScroll = useCallback(() => {
    const box = scroller.current;
    if (box !== null) set(box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_PX);
  }, [set]);
  const follow = useCallback(() => {
    set(true);
    toEnd();
  }, [set, toEnd]);
  return { scroller, content, isFollowing, onScroll, follow };
}
