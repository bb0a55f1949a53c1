/** A message as it stands now: who said what, its files, signs and answers, and what can be done with it. */

import { Clock3, MessagesSquare, Pin, ShieldAlert } from "lucide-react";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { Message } from "../../protocol/wire";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { Confirm } from "../../ui/Confirm";
import { formatList } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/visible";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";
import { useIsEdited } from "../replying";
import { useDoing } from "./doing";
import { Alternatives, Attachments, Editing, FormCard, FoundCards, History, Toolbar, Why } from "./fetched";
import { HowItEnded } from "./HowItEnded";
import { Markdown } from "./markdown/Markdown";
import { threadAddress } from "./messageRights";
import { Quote } from "./Quote";
import { Reactions } from "./Reactions";
import { indexOf } from "./rows";

export interface MessageRowProps {
  readonly message: Message;
  readonly isGrouped: boolean;
  readonly isReacting: boolean;
  /** Pointed at or selected: what can be done is shown. */
  readonly isNear: boolean;
}

export const MessageRow = memo(function MessageRow({ message, isGrouped, isReacting, isNear }: MessageRowProps) {
  const { roomId, people } = useHere();
  const { threadRoot } = useDoing();
  const member = people.member(message.author_id);
  const isEditing = useIsEdited(roomId, threadRoot, message.id) && message.deleted_at === undefined;
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [open, setOpen] = useState<"delete" | "why">();
  const name = people.name(message.author_id);
  const isAi = member?.kind === "ai";
  return (
    <>
      <div className="flex gap-3">
        {isGrouped ? (
          // No higher than a line of words: rows of one speaker stand in even distances.
          <span className="w-8 shrink-0 pt-1.5 text-right leading-none">
            <Time
              at={message.at}
              className="text-[0.6875rem] text-ink-3 opacity-0 group-hover/row:opacity-100 group-focus-within/row:opacity-100"
            />
          </span>
        ) : (
          <Avatar name={member?.display_name ?? name} seed={message.author_id} isAi={isAi} className="mt-0.5" />
        )}
        <div className="min-w-0 flex-1">
          {/* In a thread everything answers what it began with. */}
          {message.reply_to !== undefined && message.reply_to !== threadRoot && <Quote messageId={message.reply_to} />}
          {!isGrouped && <Head message={message} />}
          {message.deleted_at !== undefined ? (
            <Tombstone message={message} />
          ) : isEditing ? (
            <Editing message={message} />
          ) : (
            <Content message={message} isGrouped={isGrouped} />
          )}
        </div>
      </div>
      {(isNear || isMenuOpen || isReacting) && !isEditing && message.deleted_at === undefined && (
        <Toolbar
          message={message}
          isReacting={isReacting}
          onMenu={setMenuOpen}
          onDelete={() => setOpen("delete")}
          onWhy={() => setOpen("why")}
        />
      )}
      {open === "delete" && <Delete message={message} onClose={() => setOpen(undefined)} />}
      {open === "why" && <Why messageId={message.id} onClose={() => setOpen(undefined)} />}
    </>
  );
});

function Head({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const { room, people } = useHere();
  const member = people.member(message.author_id);
  const isPinned = useRoomState(room, (state) => state.pins.includes(message.id)) ?? false;
  const taint = message.taint ?? [];
  return (
    <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
      <bdi className="font-semibold text-ink">{visible(people.name(message.author_id))}</bdi>
      {/* By the account's kind, which nobody can write into a name. */}
      {member?.kind === "ai" && <Badge tone="ai">{t("common.ai")}</Badge>}
      {member?.kind === "bot" && <Badge>{t("timeline.bot")}</Badge>}
      {member?.role === "guest" && <Badge>{t("common.guest")}</Badge>}
      <Time at={message.at} className="text-meta text-ink-3" />
      {message.asked_by !== undefined && message.asked_by.length > 0 && (
        <span className="text-meta text-ink-3">
          {t("timeline.answers", { who: formatList(message.asked_by.map(people.name)) })}
        </span>
      )}
      {isPinned && (
        <span className="inline-flex items-center gap-1 text-meta text-ink-3">
          <Pin aria-hidden="true" size={12} />
          {t("timeline.pinned")}
        </span>
      )}
      {taint.length > 0 && (
        <span data-tip={t("timeline.taintMeans")} className="inline-flex items-center gap-1 text-meta text-ink-2">
          <ShieldAlert aria-hidden="true" size={13} />
          {formatList(taint.map((one) => t(`turns.taints.${one}`)))}
        </span>
      )}
    </div>
  );
}

function Content({ message, isGrouped }: { readonly message: Message; readonly isGrouped: boolean }) {
  const [looked, setLooked] = useState<{ readonly of: number; readonly at: number }>();
  // Whoever looked at another answer goes back to the chosen one when that becomes another.
  const shown = looked?.of === message.chosen ? looked.at : message.chosen;
  const other = shown === message.chosen ? undefined : message.alternatives?.[shown];
  const text = other?.text ?? message.text;
  const cards = other === undefined ? (message.cards ?? []) : (other.cards ?? []);
  const form = other === undefined ? message.form : undefined;
  return (
    <>
      {text !== "" && <Markdown text={text} className={isGrouped ? undefined : "mt-0.5"} />}
      {message.edited_at !== undefined && <Edited message={message} />}
      {message.attachments !== undefined && message.attachments.length > 0 && <Attachments message={message} />}
      {cards.length > 0 && <FoundCards cards={cards} />}
      {form !== undefined && <FormCard message={message} form={form} />}
      {(message.alternatives?.length ?? 0) > 1 && (
        <Alternatives message={message} shown={shown} onShow={(at) => setLooked({ of: message.chosen, at })} />
      )}
      {message.turn_id !== undefined && <HowItEnded message={message} turnId={message.turn_id} />}
      {message.reactions.length > 0 && <Reactions message={message} />}
      <Thread message={message} />
    </>
  );
}

function Edited({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        onClick={() => setOpen(true)}
        className="-ml-1 inline-flex min-h-6 items-center gap-1 rounded-chip px-1 text-meta text-ink-3 hover:bg-hover hover:text-ink-2"
      >
        <Clock3 aria-hidden="true" size={12} />
        {t("timeline.edited")}
      </button>
      {isOpen && <History messageId={message.id} onClose={() => setOpen(false)} />}
    </>
  );
}

function Thread({ message }: { readonly message: Message }) {
  const { room } = useHere();
  const { threadRoot } = useDoing();
  const thread = useRoomState<ThreadSize>(room, (state) => indexOf(state.messages).threads.get(message.id), sameThread);
  return thread === undefined || threadRoot !== undefined ? null : <Replies message={message} thread={thread} />;
}

function Replies({ message, thread }: { readonly message: Message; readonly thread: NonNullable<ThreadSize> }) {
  const { t } = useTranslation();
  const { roomId } = useHere();
  return (
    <Link
      href={threadAddress(roomId, message)}
      className="mt-1.5 inline-flex min-h-8 items-center gap-2 rounded-button border border-line px-2.5 text-small font-medium text-accent no-underline hover:border-line-strong"
    >
      <MessagesSquare aria-hidden="true" size={15} />
      {t("timeline.replies", { count: thread.count })}
      <Time at={thread.lastAt} as="relative" className="font-normal text-ink-3" />
    </Link>
  );
}

type ThreadSize = { readonly count: number; readonly lastAt: string } | undefined;

const sameThread = (one: ThreadSize, other: ThreadSize) => one?.count === other?.count && one?.lastAt === other?.lastAt;

function Tombstone({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const { people } = useHere();
  const words = () => {
    if (message.deleted_because === "retention") return t("timeline.deletedByRule");
    if (message.deleted_because === "erasure") return t("timeline.deletedByErasure");
    if (message.deleted_by === undefined || message.deleted_by === message.author_id) return t("timeline.deleted");
    return t("timeline.deletedBy", { who: people.name(message.deleted_by) });
  };
  return <p className="text-small text-ink-3 italic">{words()}</p>;
}

function Delete({ message, onClose }: { readonly message: Message; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const { room } = useHere();
  return (
    <Confirm
      isOpen
      isDanger
      onOpenChange={(isOpen) => !isOpen && onClose()}
      title={t("timeline.deleteTitle")}
      description={t("timeline.deleteMeans")}
      action={t("common.delete")}
      onConfirm={() => room.ask({ type: "delete_message", message_id: message.id })}
    />
  );
}
