/** How the lines of the palette look, and the groups they stand in. */

import { Command } from "cmdk";
import { Archive, AtSign, Hash, Search, Sparkle } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { RoomEntry } from "../../connection/types";
import type { Hit } from "../../protocol/api";
import { CountBadge } from "../../ui/Badge";
import { Time } from "../../ui/Time";
import { wordsOf } from "../plainWords";

export function Group({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <Command.Group
      heading={title}
      className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-meta [&_[cmdk-group-heading]]:font-medium [&_[cmdk-group-heading]]:text-ink-3"
    >
      {children}
    </Command.Group>
  );
}

export function Line({
  value,
  onSelect,
  children,
}: {
  readonly value: string;
  readonly onSelect: () => void;
  readonly children: ReactNode;
}) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex min-h-9 cursor-default items-center gap-2.5 rounded-button px-2 py-1 text-[0.875rem] data-[selected=true]:bg-hover pointer-coarse:min-h-11"
    >
      {children}
    </Command.Item>
  );
}

export function Icon({ icon }: { readonly icon: ReactNode }) {
  return (
    <span aria-hidden="true" className="flex size-6 shrink-0 items-center justify-center text-ink-3">
      {icon}
    </span>
  );
}

/** A direct room is called as all who are in it, oneself too. */
export function nameOf(room: RoomEntry, myName: string): string {
  if (room.kind === "room") return room.name;
  const names = room.name.split(", ");
  const others = names.filter((_, place) => place !== names.indexOf(myName));
  return others.join(", ") || room.name;
}

export function RoomLine({ room, name }: { readonly room: RoomEntry; readonly name: string }) {
  const { t } = useTranslation();
  const icon = room.isArchived ? (
    <Archive size={15} />
  ) : room.kind === "direct" ? (
    <AtSign size={15} />
  ) : (
    <Hash size={15} />
  );
  return (
    <>
      <Icon icon={icon} />
      <bdi className="max-w-[60%] shrink-0 truncate">{name}</bdi>
      <span dir="auto" className="min-w-0 flex-1 truncate text-meta text-ink-3">
        {room.isArchived ? t("palette.archived") : room.topic}
      </span>
      {room.unread > 0 && (
        <CountBadge
          count={room.unread}
          label={t("palette.unread", { count: room.unread })}
          tone={room.kind === "direct" || room.mentions > 0 ? "accent" : "neutral"}
        />
      )}
    </>
  );
}

export function HitLine({ hit, room }: { readonly hit: Hit; readonly room: RoomEntry | undefined }) {
  const { message } = hit;
  return (
    <>
      <Icon icon={message.turn_id === undefined ? <Search size={15} /> : <Sparkle size={15} className="text-ai" />} />
      <span dir="auto" className="min-w-0 flex-1 truncate">
        {wordsOf(message.text.slice(0, 640)).slice(0, 160)}
      </span>
      <span className="shrink-0 text-meta text-ink-3">
        <bdi>{room?.name ?? ""}</bdi> · <Time at={message.at} as="day" />
      </span>
    </>
  );
}
