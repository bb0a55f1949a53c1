/** Goes to a message that a link names, fetching what lies around it if need be. */

import { useEffect, useRef, useState } from "react";
import { sentenceOf } from "../answers";
import { useHere } from "../cards/RoomHere";
import { useClient, useReadable } from "../hooks";
import type { Row } from "./rows";
import type { Scrolling } from "./scrolling";

/** What could not be asked for is asked again by itself. */
const AGAIN_MS = 5_000;

export type Sought =
  | { readonly kind: "loading" }
  | { readonly kind: "missing" }
  /** It could not be asked for; it is again after a while, and when the connection is back. */
  | { readonly kind: "failed"; readonly why: string; readonly again: () => void };

interface Found {
  readonly of: string;
  readonly why: string | undefined;
}

/** undefined: it is here, or none is sought. */
export function useSeeking(messageId: string | undefined, rows: readonly Row[], { lead }: Scrolling) {
  const { room } = useHere();
  const isOnline = useReadable(useClient().status).kind === "online";
  const followed = useFollowed();
  const [tries, setTries] = useState(0);
  const [found, setFound] = useState<Found>();
  const led = useRef<string>(undefined);
  const rowId = messageId === undefined ? undefined : rows.find((row) => isMessage(row, messageId))?.id;
  useEffect(() => {
    const way = messageId === undefined ? undefined : `${messageId} ${followed}`;
    if (led.current === way || (way !== undefined && rowId === undefined)) return;
    led.current = way;
    if (rowId !== undefined) lead(rowId, "center");
  }, [messageId, followed, rowId, lead]);

  const wanted = rows.length > 0 && rowId === undefined ? messageId : undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked again when one tries again, or is back
  useEffect(() => {
    if (wanted === undefined) return;
    let isCurrent = true;
    let timer: number | undefined;
    const ended = (why: string | undefined) => {
      if (!isCurrent) return;
      setFound({ of: wanted, why });
      if (why !== undefined) timer = window.setTimeout(() => setTries((before) => before + 1), AGAIN_MS);
    };
    room.loadAround(wanted).then(
      (isFound) => !isFound && ended(undefined),
      (error: unknown) => ended(sentenceOf(error)),
    );
    return () => {
      isCurrent = false;
      window.clearTimeout(timer);
    };
  }, [room, wanted, tries, isOnline]);

  if (wanted === undefined) return undefined;
  if (found?.of !== wanted) return { kind: "loading" } satisfies Sought;
  if (found.why === undefined) return { kind: "missing" } satisfies Sought;
  const again = () => {
    setFound(undefined);
    setTries(tries + 1);
  };
  return { kind: "failed", why: found.why, again } satisfies Sought;
}

/** Another one with each link that is followed, also to where one is already: wouter tells of each. */
function useFollowed(): number {
  const [followed, setFollowed] = useState(0);
  useEffect(() => {
    const follow = () => setFollowed((before) => before + 1);
    window.addEventListener("pushState", follow);
    return () => window.removeEventListener("pushState", follow);
  }, []);
  return followed;
}

function isMessage(row: Row, messageId: string): boolean {
  return row.item.kind === "message" && row.item.message.id === messageId;
}
