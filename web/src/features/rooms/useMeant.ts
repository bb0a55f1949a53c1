/** Whoever rests at a link means it: what it leads to is made ready before it is pressed. */

import { useEffect, useRef } from "react";

/** So long, and one does not only pass over it on the way to another. */
export const REST_MS = 65;

export interface Meant {
  readonly onPointerEnter: () => void;
  readonly onPointerLeave: () => void;
  readonly onFocus: () => void;
  readonly onBlur: () => void;
}

/** For the link. `ready` may come more than once. */
export function useMeant(ready: () => void): Meant {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const end = () => clearTimeout(timer.current);
  const begin = () => {
    end();
    timer.current = setTimeout(ready, REST_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return { onPointerEnter: begin, onPointerLeave: end, onFocus: begin, onBlur: end };
}
