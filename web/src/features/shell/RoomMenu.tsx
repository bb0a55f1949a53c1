/** What can be done with a room, from the menu in its head. */

import { Bell, BellOff, CalendarDays, CheckCheck, Link as LinkIcon, LogOut, Search, Settings } from "lucide-react";
import { type ReactElement, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomClient } from "../../connection/types";
import { Confirm } from "../../ui/Confirm";
import { copyText } from "../../ui/copying";
import { Menu, MenuItem, MenuSeparator } from "../../ui/MenuList";
import type { TriggerProps } from "../../ui/OpenedLater";
import { toast } from "../../ui/Toast";
import { useReadable, useRoomState } from "../hooks";
import { muted, setMuted } from "../preferences";
import { useRights } from "../useRights";
import { JumpToDay } from "./JumpToDay";

export interface RoomMenuProps {
  readonly trigger: ReactElement<TriggerProps>;
  readonly room: RoomClient;
  readonly name: string;
  readonly isArchived: boolean;
}

export function RoomMenu({ trigger, room, name, isArchived }: RoomMenuProps) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const { role } = useRights(room);
  const isMuted = useReadable(muted).has(room.id);
  const seq = useRoomState(room, (state) => state.seq);
  const unread = useRoomState(room, (state) => state.read.unread) ?? 0;
  const isDirect = useRoomState(room, (state) => state.room.kind === "direct") ?? false;
  const [isLeaving, setLeaving] = useState(false);
  const [isJumping, setJumping] = useState(false);
  const copy = () =>
    copyText(`${window.location.origin}/r/${room.id}`).then(
      () => toast(t("shell.header.linkCopied"), { tone: "ok" }),
      () => toast(t("common.failed"), { tone: "danger" }),
    );
  return (
    <>
      <Menu trigger={trigger}>
        {unread > 0 && seq !== undefined && (
          <MenuItem icon={<CheckCheck aria-hidden="true" size={16} />} onSelect={() => room.markRead(seq)}>
            {t("shell.header.markRead")}
          </MenuItem>
        )}
        <MenuItem
          icon={<Search aria-hidden="true" size={16} />}
          onSelect={() => navigate(`/search?${new URLSearchParams({ room: room.id })}`)}
        >
          {t("shell.header.search")}
        </MenuItem>
        <MenuItem icon={<CalendarDays aria-hidden="true" size={16} />} onSelect={() => setJumping(true)}>
          {t("shell.jump.open")}
        </MenuItem>
        <MenuItem
          icon={isMuted ? <Bell aria-hidden="true" size={16} /> : <BellOff aria-hidden="true" size={16} />}
          onSelect={() => setMuted(room.id, !isMuted)}
        >
          {isMuted ? t("shell.header.unmute") : t("shell.header.mute")}
        </MenuItem>
        <MenuItem icon={<LinkIcon aria-hidden="true" size={16} />} onSelect={() => void copy()}>
          {t("shell.header.copyLink")}
        </MenuItem>
        {role !== undefined && (
          <MenuItem
            icon={<Settings aria-hidden="true" size={16} />}
            onSelect={() => navigate(`/r/${room.id}/settings/general`)}
          >
            {t("shell.header.settings")}
          </MenuItem>
        )}
        {role !== undefined && !isDirect && !isArchived && (
          <>
            <MenuSeparator />
            <MenuItem isDanger icon={<LogOut aria-hidden="true" size={16} />} onSelect={() => setLeaving(true)}>
              {t("shell.header.leave")}
            </MenuItem>
          </>
        )}
      </Menu>
      {isJumping && <JumpToDay room={room} isOpen onOpenChange={setJumping} />}
      <Confirm
        isOpen={isLeaving}
        onOpenChange={setLeaving}
        isDanger
        title={t("shell.header.leaveTitle", { name })}
        description={t("shell.header.leaveText")}
        action={t("shell.header.leave")}
        onConfirm={() => room.ask({ type: "leave_room" }).then(() => navigate("/"))}
      />
    </>
  );
}
