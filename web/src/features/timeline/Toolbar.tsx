/** What can be done with a message: a few things at hand, the rest in a menu, only what this reader may. */

import {
  BookOpenText,
  CircleHelp,
  Copy,
  Ellipsis,
  Link2,
  MailOpen,
  MessagesSquare,
  Pencil,
  Pin,
  PinOff,
  RefreshCw,
  Reply,
  Trash2,
} from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useSearchParams } from "wouter";
import type { Message } from "../../protocol/wire";
import { copyText } from "../../ui/copying";
import { IconButton } from "../../ui/IconButton";
import { Menu, MenuItem, MenuSeparator } from "../../ui/Menu";
import { toast } from "../../ui/Toast";
import { useAct } from "../answers";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";
import { aimComposer, editMessage } from "../replying";
import { useDoing } from "./doing";
import { type MessageRights, threadAddress, useMessageRights } from "./messageRights";
import { ReactButton } from "./Reactions";

export interface ToolbarProps {
  readonly message: Message;
  readonly isReacting: boolean;
  readonly onMenu: (isOpen: boolean) => void;
  readonly onDelete: () => void;
  readonly onWhy: () => void;
}

export function Toolbar({ message, isReacting, onMenu, onDelete, onWhy }: ToolbarProps) {
  const { t } = useTranslation();
  const { roomId } = useHere();
  const { threadRoot, setReacting } = useDoing();
  const rights = useMessageRights(message);
  const [, go] = useLocation();
  if (rights === undefined) return null;
  return (
    <div
      role="toolbar"
      aria-label={t("timeline.toolbar")}
      className="absolute top-0.5 right-2 z-10 flex items-center gap-0.5 rounded-button border border-line bg-surface p-0.5 shadow-raised"
    >
      {rights.react && (
        <ReactButton
          message={message}
          isOpen={isReacting}
          onOpenChange={(isOpen) => setReacting(isOpen ? message.id : undefined)}
        />
      )}
      {rights.reply && (
        <IconButton
          size="sm"
          label={t("timeline.reply")}
          shortcut="r"
          icon={<Reply size={16} />}
          onClick={() => aimComposer(roomId, threadRoot, { kind: "reply", id: message.id })}
        />
      )}
      {threadRoot === undefined && (
        <IconButton
          size="sm"
          label={t("timeline.openThread")}
          shortcut="t"
          icon={<MessagesSquare size={16} />}
          onClick={() => go(threadAddress(roomId, message))}
        />
      )}
      <More message={message} rights={rights} onMenu={onMenu} onDelete={onDelete} onWhy={onWhy} />
    </div>
  );
}

interface MoreProps extends Omit<ToolbarProps, "isReacting"> {
  readonly rights: MessageRights;
}

function More({ message, rights, onMenu, onDelete, onWhy }: MoreProps) {
  const { t } = useTranslation();
  const { roomId, room } = useHere();
  const { threadRoot, markUnread } = useDoing();
  const { run } = useAct();
  const [, setSearch] = useSearchParams();
  const [isOpen, setOpen] = useState(false);
  const isPinned = useRoomState(room, (state) => state.pins.includes(message.id)) ?? false;
  const isLive = message.deleted_at === undefined;
  const open = (next: boolean) => {
    setOpen(next);
    onMenu(next);
  };
  const copy = (text: string) =>
    copyText(text).then(
      () => toast(t("common.copied"), { tone: "ok" }),
      () => toast(t("common.failed"), { tone: "danger" }),
    );
  return (
    <Menu
      isOpen={isOpen}
      onOpenChange={open}
      trigger={<IconButton size="sm" label={t("common.more")} icon={<Ellipsis size={16} />} />}
    >
      {isLive && message.text !== "" && (
        <MenuItem icon={<Copy size={16} />} onSelect={() => void copy(message.text)}>
          {t("timeline.copyText")}
        </MenuItem>
      )}
      <MenuItem
        icon={<Link2 size={16} />}
        onSelect={() => void copy(`${window.location.origin}/r/${roomId}/m/${message.id}`)}
      >
        {t("timeline.copyLink")}
      </MenuItem>
      <MenuItem icon={<MailOpen size={16} />} shortcut="u" onSelect={() => markUnread(message.id)}>
        {t("timeline.markUnread")}
      </MenuItem>
      {rights.pin && (
        <MenuItem
          icon={isPinned ? <PinOff size={16} /> : <Pin size={16} />}
          onSelect={() =>
            void run(() => room.ask({ type: isPinned ? "unpin_message" : "pin_message", message_id: message.id }))
          }
        >
          {isPinned ? t("timeline.unpin") : t("timeline.pin")}
        </MenuItem>
      )}
      <MenuSeparator />
      {message.turn_id === undefined ? (
        <MenuItem icon={<CircleHelp size={16} />} onSelect={onWhy}>
          {t("timeline.why")}
        </MenuItem>
      ) : (
        <MenuItem icon={<BookOpenText size={16} />} onSelect={() => setSearch({ pane: "context", answer: message.id })}>
          {t("timeline.whatItKnew")}
        </MenuItem>
      )}
      {rights.regenerate && (
        <MenuItem
          icon={<RefreshCw size={16} />}
          onSelect={() => void run(() => room.ask({ type: "regenerate_answer", message_id: message.id }))}
        >
          {t("timeline.regenerate")}
        </MenuItem>
      )}
      {(rights.edit || rights.delete) && <MenuSeparator />}
      {rights.edit && (
        <MenuItem icon={<Pencil size={16} />} shortcut="e" onSelect={() => editMessage(roomId, threadRoot, message.id)}>
          {t("common.edit")}
        </MenuItem>
      )}
      {rights.delete && (
        <MenuItem icon={<Trash2 size={16} />} isDanger onSelect={onDelete}>
          {t("common.delete")}
        </MenuItem>
      )}
    </Menu>
  );
}
