/** The time, as often as a view needs it: for what runs and for what expires. */

import { useEffect, useState } from "react";

/** `Date.now()`, anew each second while `isOn`. */
export function useSeconds(isOn: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isOn) return;
    setNow(Date.now());
    const timer = window.setInterval(() => setNow(Date.now()), 1_000);
    return () => window.clearInterval(timer);
  }, [isOn]);
  return now;
}

export const secondsBetween = (from: string, to: string | number): number =>
  Math.max(0, (new Date(to).getTime() - new Date(from).getTime()) / 1000);
