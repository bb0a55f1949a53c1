/** The addresses of what stands beside a room, and of a search. */

import type { PaneName } from "./shell/panes";

export function paneAddress(roomId: string, pane: PaneName | "catch-up"): string {
  return `/r/${encodeURIComponent(roomId)}?${pane === "catch-up" ? "catch-up=1" : `pane=${pane}`}`;
}

/** `roomId`: in this one alone. */
export function searchAddress(words: string, roomId?: string): string {
  return `/search?${new URLSearchParams({ q: words, ...(roomId === undefined ? {} : { room: roomId }) })}`;
}
