/** Has the desktop tell of what waits, where this account has switched that on. */

import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { useFetched } from "../../ui/Later";
import { part } from "../../ui/parts";
import { useClient, useReadable } from "../hooks";
import { muted, notifies } from "../preferences";

const notifying = part(() => import("../notifying/notifying"), ["notifying"]);

export function useNotifying(): void {
  const client = useClient();
  const isOn = useReadable(notifies) === "on";
  const fetched = useFetched(notifying);
  const [, navigate] = useLocation();
  const go = useRef(navigate);
  useEffect(() => {
    go.current = navigate;
  });
  useEffect(() => {
    if (isOn) void notifying.load();
  }, [isOn]);
  useEffect(() => {
    if (!isOn || fetched.is !== "here") return;
    return fetched.value.startNotifying({
      accountId: client.me.id,
      myName: client.me.display_name,
      rooms: client.rooms,
      muted,
      go: (roomId) => go.current(`/r/${roomId}`),
      onRefused: () => notifies.choose("off"),
    });
  }, [client, isOn, fetched]);
}
