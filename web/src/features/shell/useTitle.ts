/** The title of the page: how much waits for the reader, and where one is. */

import { useEffect } from "react";
import { useClient, useReadable } from "../hooks";
import { muted } from "../preferences";
import { type Waiting, waitingIn } from "../rooms/waiting";

/** (2) welcome · Multiplayer; a dot where only others are spoken to. */
export function titleOf(name: string, waiting: Waiting): string {
  const title = name === "" ? "Multiplayer" : `${name} · Multiplayer`;
  if (waiting.forMe > 0) return `(${waiting.forMe}) ${title}`;
  return waiting.isMore ? `• ${title}` : title;
}

export function useTitle(name: string): void {
  const client = useClient();
  const quiet = useReadable(muted);
  const waiting = waitingIn(useReadable(client.rooms), quiet);
  const title = titleOf(name, waiting);
  useEffect(() => {
    document.title = title;
  }, [title]);
}
