/** What people (and AIs) answered with a sign: who did, a press to join in or to take it back, and the picker. */

import { SmilePlus } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../protocol/wire";
import { mayHere } from "../../room/rights";
import { classes } from "../../ui/classes";
import { IconButton } from "../../ui/IconButton";
import { formatList } from "../../ui/i18n/format";
import { Popover } from "../../ui/Popover";
import { useAct } from "../answers";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";
import { EmojiPicker } from "./fetched";

const NAMED = 8;

export function useReact(message: Message): (emoji: string) => void {
  const { room, meId } = useHere();
  const { run } = useAct();
  return (emoji) => {
    const isThere = message.reactions.some((one) => one.emoji === emoji && one.account_ids.includes(meId));
    void run(() => room.ask({ type: isThere ? "remove_reaction" : "add_reaction", message_id: message.id, emoji }));
  };
}

export function Reactions({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const react = useReact(message);
  const canReact = useRoomState(room, (state) => mayHere(state, meId, "react")) ?? false;
  if (message.reactions.length === 0) return null;
  return (
    <ul aria-label={t("timeline.reactions")} className="mt-1.5 flex flex-wrap gap-1.5">
      {message.reactions.map(({ emoji, account_ids: ids }) => {
        const isMine = ids.includes(meId);
        const who = formatList([
          ...ids.slice(0, NAMED).map((id) => (id === meId ? t("common.you") : people.name(id))),
          ...(ids.length > NAMED ? [t("turns.others", { count: ids.length - NAMED })] : []),
        ]);
        return (
          <li key={emoji}>
            <button
              type="button"
              aria-pressed={isMine}
              aria-label={t("timeline.reactedBy", { emoji, count: ids.length, who })}
              data-tip={who}
              disabled={!canReact}
              onClick={() => react(emoji)}
              className={classes(
                "inline-flex h-8 items-center gap-1.5 rounded-full border px-2.5 text-small tabular-nums transition-colors pointer-coarse:h-11",
                isMine
                  ? "border-accent bg-accent-soft font-medium text-accent"
                  : "border-line bg-sunken text-ink-2 hover:border-line-strong",
              )}
            >
              <span className="text-[1rem] leading-none">{emoji}</span>
              <span>{ids.length}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

export interface ReactButtonProps {
  readonly message: Message;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function ReactButton({ message, isOpen, onOpenChange }: ReactButtonProps) {
  const { t } = useTranslation();
  const react = useReact(message);
  return (
    <Popover
      label={t("timeline.react")}
      align="end"
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      trigger={<IconButton size="sm" label={t("timeline.react")} shortcut="+" icon={<SmilePlus size={16} />} />}
    >
      <EmojiPicker
        onPick={(emoji) => {
          onOpenChange(false);
          react(emoji);
        }}
      />
    </Popover>
  );
}
