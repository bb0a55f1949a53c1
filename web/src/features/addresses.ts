/** Where the commands of the composer lead. */

import type { Pane } from "./outcome";

export function paneAddress(roomId: string, pane: Pane | "catch-up"): string {
  return `/r/${encodeURIComponent(roomId)}?${pane === "catch-up" ? "catch-up=1" : `pane=${pane}`}`;
}

export function searchAddress(roomId: string, words: string): string {
  return `/search?${new URLSearchParams({ q: words, room: roomId })}`;
}
