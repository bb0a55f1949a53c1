/** Which pane stands beside the room: the address says it, else what was open last. */

import { useCallback } from "react";
import { useSearchParams } from "wouter";
import { useReadable } from "../hooks";
import { hasDetailPane, useMedia } from "../media";
import { lastPane } from "../preferences";
import { type PaneName, panes } from "./panes";

/** Parts of the address that only one pane reads. */
const PARTS: Readonly<Record<string, PaneName>> = {
  answer: "context",
  turn: "context",
  "catch-up": "context",
  file: "files",
};
const CLOSED = "none";

export interface Detail {
  /** undefined: it is closed. */
  readonly pane: PaneName | undefined;
  /** It stands beside the room; else it slides over it. */
  readonly isBeside: boolean;
  readonly open: (pane: PaneName) => void;
  readonly close: () => void;
  readonly toggle: () => void;
}

/** The pane that an address asks for; undefined: it says nothing of one. */
export function paneIn(search: URLSearchParams): PaneName | undefined {
  const part = Object.keys(PARTS).find((name) => search.has(name));
  const wanted = search.get("pane") ?? (part === undefined ? undefined : PARTS[part]);
  return panes.find((pane) => pane.name === wanted)?.name;
}

export function useDetail(): Detail {
  const [search, setSearch] = useSearchParams();
  const isBeside = useMedia(hasDetailPane);
  const last = useReadable(lastPane);
  const asked = paneIn(search);
  const usual = last === CLOSED ? undefined : (panes.find((pane) => pane.name === last) ?? panes[0])?.name;
  const pane = asked ?? (isBeside ? usual : undefined);

  const without = useCallback((before: URLSearchParams) => {
    const next = new URLSearchParams(before);
    for (const name of ["pane", ...Object.keys(PARTS)]) next.delete(name);
    return next;
  }, []);
  const open = useCallback(
    (name: PaneName) => {
      lastPane.choose(name);
      setSearch(
        (before) => {
          const next = without(before);
          next.set("pane", name);
          return next;
        },
        { replace: true },
      );
    },
    [setSearch, without],
  );
  const close = useCallback(() => {
    if (isBeside) lastPane.choose(CLOSED);
    setSearch(without, { replace: true });
  }, [isBeside, setSearch, without]);
  const toggle = () => {
    if (pane !== undefined) {
      close();
      return;
    }
    const again = panes.find((one) => one.name === last) ?? panes[0];
    if (again !== undefined) open(again.name);
  };
  return { pane, isBeside, open, close, toggle };
}
