/** Whether the window is as a media query says, as it changes. */

import { useCallback, useSyncExternalStore } from "react";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    useCallback(
      (changed) => {
        const list = window.matchMedia(query);
        list.addEventListener("change", changed);
        return () => list.removeEventListener("change", changed);
      },
      [query],
    ),
    () => window.matchMedia(query).matches,
  );
}

/** The widths at which the layout changes. */
export const isPhone = "(max-width: 639.98px)";
export const hasRoomsPane = "(min-width: 1024px)";
export const hasDetailPane = "(min-width: 1280px)";
