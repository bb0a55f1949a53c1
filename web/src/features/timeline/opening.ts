/** How a list comes into sight: its rows get their heights, and it goes to its end, before anybody sees it. */

import { type RefObject, useEffect, useState } from "react";

/** What a row is taken for until it is measured: too little, and many are painted at first that nobody sees. */
export const ROW_PX = 72;
/** For so many frames nothing moves in a list that is laid out: heights come in with one frame, and are used in the next. */
const STILL_FRAMES = 2;
/** Longer than a list ever took: some row may never have its last height. */
const MOST_FRAMES = 60;

let isFirst = true;

/**
 * The first rows of a page take many times as long as any later ones: nothing of what makes them has run yet. Each of
 * them comes after the list, when there is time for it, so that keys and clicks are heard meanwhile.
 */
export const isFirstOfPage = () => isFirst;

/** False while the first rows come, get their heights and the list goes to its end: nobody is shown how. */
export function useIsLaidOut(box: RefObject<HTMLDivElement | null>): boolean {
  const [isLaidOut, setLaidOut] = useState(false);
  useEffect(() => {
    let seen = "";
    let still = 0;
    let left = MOST_FRAMES;
    const look = () => {
      const at = box.current;
      const isComing = at === null || at.querySelector("[data-coming]") !== null;
      const now = isComing ? "" : `${at.scrollHeight} ${at.scrollTop}`;
      left -= 1;
      still = now !== "" && now === seen ? still + 1 : 0;
      if (still === STILL_FRAMES || left === 0) {
        isFirst = false;
        setLaidOut(true);
      } else frame = requestAnimationFrame(look);
      seen = now;
    };
    let frame = requestAnimationFrame(look);
    return () => cancelAnimationFrame(frame);
  }, [box]);
  return isLaidOut;
}
