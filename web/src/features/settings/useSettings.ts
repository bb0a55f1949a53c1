/** A room's settings, and the way to change some of them: what others changed meanwhile stays as they made it. */

import { useCallback } from "react";
import type { RoomClient } from "../../connection/types";
import type { RoomSettings } from "../../protocol/wire";
import { i18n } from "../../ui/i18n";
import { useAct } from "../answers";
import { useRoomState } from "../hooks";

export type SettingsChange = Partial<RoomSettings> | ((now: RoomSettings) => Partial<RoomSettings>);

export interface RoomSettingsDesk {
  readonly settings: RoomSettings;
  readonly isBusy: boolean;
  /** True if it was done; what the server says otherwise is shown. */
  readonly change: (change: SettingsChange) => Promise<boolean>;
}

const NOTHING: RoomSettings = {};

/** Sends the newest settings with the change. Rejects with what the server says. */
export async function changeSettings(room: RoomClient, change: SettingsChange): Promise<void> {
  const now = room.state.get()?.room.settings ?? NOTHING;
  const changed = typeof change === "function" ? change(now) : change;
  await room.ask({ type: "set_room_settings", settings: { ...now, ...changed } });
}

export function useSettings(room: RoomClient): RoomSettingsDesk {
  const settings = useRoomState(room, (state) => state.room.settings) ?? NOTHING;
  const { run, isBusy } = useAct();
  const change = useCallback(
    (what: SettingsChange) => run(() => changeSettings(room, what), i18n.t("settings.saved")),
    [room, run],
  );
  return { settings, isBusy, change };
}
