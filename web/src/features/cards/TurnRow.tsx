/** An AI at work: who asked, what it is doing, its words as they come, and how to stop it or say something to it. */

import { Brain, ChevronDown, CornerDownRight, Square } from "lucide-react";
import { memo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { TurnState } from "../../protocol/wire";
import { maySteer, mayStop } from "../../room/rights";
import type { Tail } from "../../room/state";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { formatList } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/visible";
import { useAct } from "../answers";
import { useReadable, useRoomState } from "../hooks";
import { aimComposer } from "../replying";
import { Caret } from "../timeline/markdown/CodeBlock";
import { Markdown } from "../timeline/markdown/Markdown";
import { FoundCards } from "./FoundCards";
import { useHere } from "./RoomHere";

export interface TurnRowProps {
  readonly turn: TurnState;
  readonly threadRoot?: string | undefined;
}

export const TurnRow = memo(function TurnRow({ turn, threadRoot }: TurnRowProps) {
  const { t } = useTranslation();
  const { room, people } = useHere();
  const tail = useReadable(room.tail(turn.turn_id));
  const name = people.name(turn.ai_id);
  const asked = formatList(turn.askers.map(people.name));
  return (
    <div className="flex gap-3">
      <Avatar name={name} isAi className="mt-0.5" />
      <div className="min-w-0 flex-1">
        <div className="flex flex-wrap items-center gap-x-2">
          <bdi className="font-semibold text-ink">{name}</bdi>
          <Badge tone="ai">{t("common.ai")}</Badge>
          <Time at={turn.requested_at} className="text-meta text-ink-3" />
        </div>
        {tail.thinking !== "" && <Thinking text={tail.thinking} isOver={tail.text !== ""} />}
        {tail.text !== "" && <Markdown text={tail.text} isGrowing={!turn.is_stop_requested} className="mt-0.5" />}
        {tail.cards.length > 0 && <FoundCards cards={tail.cards} />}
        <div className="mt-1.5 flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1">
          <Doing turn={turn} tail={tail} />
          {asked !== "" && <span className="text-meta text-ink-3">{t("turns.askedBy", { who: asked })}</span>}
          <Controls turn={turn} threadRoot={threadRoot} />
        </div>
      </div>
    </div>
  );
});

function Doing({ turn, tail }: { readonly turn: TurnState; readonly tail: Tail }) {
  const { t } = useTranslation();
  const { room } = useHere();
  const before = useRoomState(room, (state) => queuePosition(turn, [...state.turns.values()])) ?? 0;
  if (turn.is_stop_requested) return <span className="text-small text-ink-2">{t("turns.stopping")}</span>;
  if (turn.fence === 0) {
    return (
      <span className="text-small text-ink-2">
        {before === 0 ? t("turns.next") : t("turns.queued", { count: before })}
      </span>
    );
  }
  const phase = tail.phase === "" ? (tail.text === "" ? "begins" : "model") : tail.phase;
  const words = phase === "model" && tail.text === "" ? t("turns.phases.thinks") : t(`turns.phases.${phase}`);
  return (
    <span className="flex min-w-0 items-center gap-2 text-small text-ai">
      <span aria-hidden="true" className="size-2 shrink-0 animate-breathe rounded-full bg-ai" />
      {/* Another element for other words: beside what is animated Chromium goes on showing the old ones. */}
      <span key={words} className="min-w-0">
        {tail.said === "" ? words : `${words} ${visible(tail.said)}`}
      </span>
    </span>
  );
}

/** How many turns of this AI come before it. */
export function queuePosition(turn: TurnState, turns: readonly TurnState[]): number {
  return turns.filter(
    (other) =>
      other.ai_id === turn.ai_id &&
      other.turn_id !== turn.turn_id &&
      (other.fence > 0 || other.requested_seq < turn.requested_seq),
  ).length;
}

function Thinking({ text, isOver }: { readonly text: string; readonly isOver: boolean }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <div className="mt-1">
      <button
        type="button"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
        className="-ml-1.5 flex min-h-8 items-center gap-1.5 rounded-button px-1.5 text-small text-ink-3 hover:text-ink"
      >
        <Brain aria-hidden="true" size={15} />
        {t("turns.thought")}
        <ChevronDown aria-hidden="true" size={14} className={classes("transition-transform", isOpen && "rotate-180")} />
      </button>
      {isOpen && (
        <p dir="auto" className="border-l-2 border-line pl-3 text-small whitespace-pre-wrap text-ink-2 wrap-anywhere">
          {text}
          {!isOver && <Caret />}
        </p>
      )}
    </div>
  );
}

function Controls({ turn, threadRoot }: TurnRowProps) {
  const { t } = useTranslation();
  const { roomId, room, meId } = useHere();
  const { run, isBusy } = useAct();
  const canStop = useRoomState(room, (state) => mayStop(state, meId, turn)) ?? false;
  const canSteer = useRoomState(room, (state) => maySteer(state, meId, turn)) ?? false;
  return (
    <span className="ml-auto flex items-center gap-1">
      {canSteer && (
        <Button
          size="sm"
          variant="ghost"
          icon={<CornerDownRight size={14} />}
          onClick={() => aimComposer(roomId, threadRoot, { kind: "steer", id: turn.turn_id })}
        >
          {t("turns.steer")}
        </Button>
      )}
      {canStop && (
        <Button
          size="sm"
          variant="ghost"
          icon={<Square size={11} fill="currentColor" />}
          isBusy={isBusy}
          data-tip-keys="Escape"
          data-tip={t("turns.stopTip")}
          onClick={() => void run(() => room.ask({ type: "stop_turn", turn_id: turn.turn_id }))}
        >
          {t("common.stop")}
        </Button>
      )}
    </span>
  );
}
