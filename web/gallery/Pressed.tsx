/** Does in a picture what a reader does: presses the first thing that is found, once it is there. */

import { useEffect } from "react";

const TICK_MS = 20;
/** So often it has to be found in focus: what is drawn anew loses it. */
const STAYED = 10;

export interface PressedProps {
  /** A selector. */
  readonly what: string;
  /** Only brought into focus: what is near shows. */
  readonly isFocused?: boolean;
}

export function Pressed({ what, isFocused = false }: PressedProps) {
  useEffect(() => {
    let stayed = 0;
    const timer = window.setInterval(() => {
      const found = document.querySelector<HTMLElement>(what);
      if (found === null) return;
      if (!isFocused) {
        window.clearInterval(timer);
        found.click();
        return;
      }
      if (document.activeElement === found) stayed += 1;
      else found.focus();
      if (stayed >= STAYED) window.clearInterval(timer);
    }, TICK_MS);
    return () => window.clearInterval(timer);
  }, [what, isFocused]);
  return null;
}
