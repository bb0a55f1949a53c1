/** The head of a room: its name and topic, which AI is at work, who is in it, and what can be done with it. */

import {
  ArrowLeft,
  CircleAlert,
  Ellipsis,
  Hash,
  Menu as MenuIcon,
  PanelLeftOpen,
  PanelRight,
  Search,
  Sparkle,
  Users,
} from "lucide-react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomClient, RoomEntry } from "../../connection/types";
import type { Member } from "../../protocol/wire";
import { needsApproval } from "../../room/calls";
import type { RoomState } from "../../room/state";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { classes } from "../../ui/classes";
import { IconButton } from "../../ui/IconButton";
import { formatList } from "../../ui/i18n/format";
import { OpenedLater } from "../../ui/OpenedLater";
import { part } from "../../ui/parts";
import { useMe, useRoomState } from "../hooks";
import { shownName } from "../rooms/order";
import type { RoomMenuProps } from "./RoomMenu";
import type { Detail } from "./useDetail";

export interface RoomHeaderProps {
  readonly room: RoomClient;
  /** As the list knows it, until the room itself is there. */
  readonly entry: RoomEntry | undefined;
  /** undefined: there is nothing to be seen of this room. */
  readonly detail: Detail | undefined;
  /** How the rooms are reached from here; undefined: they stand beside it. */
  readonly rooms: RoomsButtonProps | undefined;
}

export function RoomHeader({ room, entry, detail, rooms }: RoomHeaderProps) {
  const { t } = useTranslation();
  const me = useMe();
  const view = useRoomState(room, (state) => state.room);
  const known = view ?? entry;
  const name = known === undefined ? "" : shownName(known, me.display_name);
  const topic = known?.topic ?? "";
  const isArchived = view === undefined ? (entry?.isArchived ?? false) : view.archived_at !== undefined;
  return (
    <header className="flex h-14 shrink-0 items-center gap-2 border-b border-line bg-surface px-3 sm:px-4">
      {rooms !== undefined && <RoomsButton {...rooms} />}
      <div className="flex min-w-0 flex-1 items-center gap-3">
        <h1
          className={classes(
            "flex min-w-0 items-center gap-1 text-title font-semibold",
            // The topic keeps a part of the line, however long the name is; a short name is never cut for it.
            topic !== "" && "md:max-w-[70%] md:shrink-0",
          )}
        >
          {known?.kind === "room" && <Hash aria-hidden="true" size={18} className="shrink-0 text-ink-3" />}
          {name === "" ? (
            <span className="sr-only">{detail === undefined ? t("shell.roomRefused.title") : t("common.loading")}</span>
          ) : (
            <bdi className="truncate">{name}</bdi>
          )}
        </h1>
        {topic !== "" && (
          <p dir="auto" data-tip={topic} className="min-w-0 flex-1 truncate pt-0.5 text-small text-ink-3 max-md:hidden">
            {topic}
          </p>
        )}
      </div>
      {detail !== undefined && <AtWork room={room} />}
      {detail !== undefined && <Faces room={room} onOpen={() => detail.open("members")} />}
      {detail !== undefined && <SearchButton roomId={room.id} />}
      {detail !== undefined && <More room={room} name={name} isArchived={isArchived} />}
      {detail !== undefined && detail.pane === undefined && (
        <IconButton
          label={t("shell.showDetail")}
          shortcut="]"
          icon={<PanelRight size={18} />}
          onClick={detail.toggle}
        />
      )}
    </header>
  );
}

export interface RoomsButtonProps {
  readonly as: "drawer" | "back" | "pane";
  /** So much is said to the reader in other rooms. */
  readonly waiting: number;
  readonly onPress: () => void;
}

/** Back to the list on a phone, a drawer on a tablet, the hidden pane else. */
export function RoomsButton({ as, waiting, onPress }: RoomsButtonProps) {
  const { t } = useTranslation();
  const label =
    as === "drawer"
      ? t("shell.openRooms")
      : as === "pane"
        ? t("shell.showRooms")
        : waiting > 0
          ? t("shell.backToRoomsWaiting", { count: waiting })
          : t("shell.backToRooms");
  const icon = { drawer: <MenuIcon size={18} />, back: <ArrowLeft size={18} />, pane: <PanelLeftOpen size={18} /> }[as];
  return (
    <span className="relative -ml-1 inline-flex">
      <IconButton label={label} {...(as === "pane" ? { shortcut: "[" } : {})} icon={icon} onClick={onPress} />
      {waiting > 0 && (
        <span
          aria-hidden="true"
          className="pointer-events-none absolute top-[18%] right-[18%] size-2 rounded-full bg-accent ring-2 ring-surface"
        />
      )}
    </span>
  );
}

function aisAtWork(state: RoomState): readonly string[] {
  const running = [...state.turns.values()].filter((turn) => turn.fence > 0);
  return [...new Set(running.map((turn) => turn.ai_id))].flatMap((id) => state.members.get(id)?.display_name ?? []);
}

function sameTexts(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return one?.length === other?.length && (one ?? []).every((text, place) => text === other?.[place]);
}

function AtWork({ room }: { readonly room: RoomClient }) {
  const { t } = useTranslation();
  const names = useRoomState(room, aisAtWork, sameTexts) ?? [];
  const isAsking = useRoomState(room, needsApproval) ?? false;
  if (isAsking) {
    return (
      <Badge
        tone="warn"
        className="h-6 rounded-full px-2.5 max-lg:hidden"
        icon={<CircleAlert aria-hidden="true" size={12} />}
      >
        {t("shell.header.needsApproval")}
      </Badge>
    );
  }
  if (names.length === 0) return null;
  const words = formatList(names);
  return (
    <Badge
      tone="ai"
      className="h-6 max-w-56 rounded-full px-2.5 max-lg:hidden"
      icon={<Sparkle aria-hidden="true" size={11} fill="currentColor" className="shrink-0 animate-breathe" />}
    >
      <bdi className="truncate">{t("shell.header.working", { names: words })}</bdi>
    </Badge>
  );
}

const SHOWN_FACES = 3;

/** Who is here now comes first. */
function faces(state: RoomState): readonly Member[] {
  const isHere = (member: Member) => Number(member.kind !== "ai" && state.online.has(member.account_id));
  return [...state.members.values()].sort((one, other) => isHere(other) - isHere(one)).slice(0, SHOWN_FACES);
}

function sameMembers(one: readonly Member[] | undefined, other: readonly Member[] | undefined): boolean {
  return one?.length === other?.length && (one ?? []).every((member, place) => member === other?.[place]);
}

function Faces({ room, onOpen }: { readonly room: RoomClient; readonly onOpen: () => void }) {
  const { t } = useTranslation();
  const shown = useRoomState(room, faces, sameMembers);
  const count = useRoomState(room, (state) => state.members.size) ?? 0;
  const online = useRoomState(room, (state) => [...state.members.keys()].filter((id) => state.online.has(id)).length);
  if (shown === undefined) return null;
  const label = `${t("shell.header.members", { count })}, ${t("shell.header.online", { online, count })}`;
  return (
    <button
      type="button"
      data-tip={label}
      onClick={onOpen}
      className="flex h-8 shrink-0 items-center gap-1.5 rounded-button px-1.5 text-small text-ink-2 hover:bg-hover hover:text-ink pointer-coarse:h-11"
    >
      <span className="flex -space-x-1 max-sm:hidden">
        {shown.map((member) => (
          <Avatar
            key={member.account_id}
            name={member.display_name}
            seed={member.account_id}
            isAi={member.kind === "ai"}
            size="sm"
            className="ring-2 ring-surface"
          />
        ))}
      </span>
      <Users aria-hidden="true" size={18} className="sm:hidden" />
      <span aria-hidden="true" className="tabular-nums">
        {count}
      </span>
      <span className="sr-only">{label}</span>
    </button>
  );
}

function SearchButton({ roomId }: { readonly roomId: string }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  return (
    <IconButton
      label={t("shell.header.search")}
      icon={<Search size={18} />}
      className="max-sm:hidden"
      onClick={() => navigate(`/search?${new URLSearchParams({ room: roomId })}`)}
    />
  );
}

const menu = part(() => import("./RoomMenu"));

function More(props: Omit<RoomMenuProps, "trigger">) {
  const { t } = useTranslation();
  return (
    <OpenedLater
      part={menu}
      opens="menu"
      trigger={<IconButton label={t("shell.header.more")} icon={<Ellipsis size={18} />} />}
    >
      {({ RoomMenu }, trigger) => <RoomMenu {...props} trigger={trigger} />}
    </OpenedLater>
  );
}
