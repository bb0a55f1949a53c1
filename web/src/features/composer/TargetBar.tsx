/** What the message is an answer to, or which AI at work it is for; closed, it goes to the room. */

import { Reply, Sparkle, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { IconButton } from "../../ui/IconButton";
import { useRoomState } from "../hooks";
import { usePeople } from "../people";
import type { Target } from "../replying";

export interface TargetBarProps {
  readonly room: RoomClient;
  readonly target: Target;
  readonly onCancel: () => void;
}

export function TargetBar({ room, target, onCancel }: TargetBarProps) {
  return (
    <div className="mx-2 mt-2 flex items-start gap-2.5 rounded-button bg-sunken py-1 ps-3 pe-1 text-meta">
      {target.kind === "reply" ? <ReplyTo room={room} id={target.id} /> : <SteerTo room={room} id={target.id} />}
      <Cancel kind={target.kind} onCancel={onCancel} />
    </div>
  );
}

function Cancel({ kind, onCancel }: { readonly kind: Target["kind"]; readonly onCancel: () => void }) {
  const { t } = useTranslation();
  return (
    <IconButton
      size="sm"
      label={t(kind === "reply" ? "composer.target.cancel" : "composer.target.cancelSteer")}
      icon={<X size={14} />}
      shortcut="Escape"
      onClick={onCancel}
    />
  );
}

function ReplyTo({ room, id }: { readonly room: RoomClient; readonly id: string }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const message = useRoomState(room, (state) => state.messages.findLast((one) => one.id === id));
  const isGone = message === undefined || message.deleted_at !== undefined;
  const quote = isGone ? "" : message.text.trim() || (message.attachments?.[0]?.name ?? t("composer.target.file"));
  return (
    <>
      <Reply aria-hidden="true" size={14} className="mt-1.5 shrink-0 text-accent" />
      <span className="min-w-0 flex-1 py-1">
        <bdi className="font-medium text-accent">
          {isGone ? t("composer.target.gone") : t("composer.target.reply", { name: people.name(message.author_id) })}
        </bdi>
        {quote !== "" && (
          <span dir="auto" className="block truncate text-ink-2">
            {quote.slice(0, 300)}
          </span>
        )}
      </span>
    </>
  );
}

function SteerTo({ room, id }: { readonly room: RoomClient; readonly id: string }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const aiId = useRoomState(room, (state) => state.turns.get(id)?.ai_id);
  const ended = useRoomState(room, (state) => state.ended.get(id)?.aiId);
  return (
    <>
      <Sparkle aria-hidden="true" size={14} fill="currentColor" strokeWidth={1} className="mt-1.5 shrink-0 text-ai" />
      <bdi className="min-w-0 flex-1 py-1 font-medium text-ai">
        {aiId === undefined
          ? t("composer.target.ended", { name: people.name(ended ?? "") })
          : t("composer.target.steer", { name: people.name(aiId) })}
      </bdi>
    </>
  );
}
