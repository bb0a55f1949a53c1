/** The left side: whose server this is, search, the rooms, and who I am. */

import { MessagesSquare, PanelLeftClose, Search } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { IconButton } from "../../ui/IconButton";
import { Kbd } from "../../ui/Kbd";
import { useReadable } from "../hooks";
import { muted } from "../preferences";
import { focusComposer } from "../replying";
import { runAction, useAction } from "../shell/keymap";
import { neighbour, nextUnread } from "./order";
import { RoomList } from "./RoomList";
import { UserMenu } from "./UserMenu";
import { useRooms } from "./useRooms";

export interface RoomsPaneProps {
  readonly onSignOut: () => Promise<void>;
  /** Something was chosen: a drawer closes. */
  readonly onOpen?: () => void;
  /** Hides the pane, where it stands beside the room. */
  readonly onHide?: () => void;
}

const nothing = () => {};

export function RoomsPane({ onSignOut, onOpen = nothing, onHide }: RoomsPaneProps) {
  const { t } = useTranslation();
  return (
    <div className="flex min-h-0 flex-1 flex-col bg-app">
      <div className="flex h-14 shrink-0 items-center gap-2.5 pr-2 pl-4">
        <span
          aria-hidden="true"
          className="inline-flex size-7 items-center justify-center rounded-button bg-accent text-accent-ink"
        >
          <MessagesSquare size={16} />
        </span>
        <span className="min-w-0 flex-1 truncate font-semibold">Multiplayer</span>
        {onHide !== undefined && (
          <IconButton label={t("shell.hideRooms")} shortcut="[" icon={<PanelLeftClose size={18} />} onClick={onHide} />
        )}
      </div>
      <div className="px-3 pb-3">
        <button
          type="button"
          onClick={() => {
            onOpen();
            runAction("palette");
          }}
          className="flex h-9 w-full items-center gap-2 rounded-button border border-line bg-surface px-2.5 text-small text-ink-3 transition-colors hover:border-line-strong hover:text-ink pointer-coarse:h-11"
        >
          <Search aria-hidden="true" size={16} />
          <span className="flex-1 text-left">{t("rooms.search")}</span>
          <span aria-hidden="true" className="pointer-coarse:hidden">
            <Kbd keys="Mod+K" />
          </span>
        </button>
      </div>
      <RoomList onOpen={onOpen} />
      <UserMenu onSignOut={onSignOut} onOpen={onOpen} />
    </div>
  );
}

/** The keys that go from room to room, also where the list is not seen. */
export function useRoomKeys(): void {
  const { list, currentId } = useRooms();
  const quiet = useReadable(muted);
  const [, navigate] = useLocation();
  const go = (id: string | undefined) => {
    if (id === undefined) return false;
    // Whoever goes through the list stays in it.
    if ((document.activeElement?.closest("[data-landmark=rooms]") ?? null) === null) focusComposer(id);
    navigate(`/r/${id}`);
    return true;
  };
  useAction("roomUp", () => go(neighbour(list, currentId, -1)?.id));
  useAction("roomDown", () => go(neighbour(list, currentId, 1)?.id));
  useAction("nextUnread", () => go(nextUnread(list, currentId, quiet)?.id));
}
