/** Why an answer stops where it does, if not at its end; and a way to go on. */

import { CirclePause, CircleStop, TriangleAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../protocol/wire";
import { isClosed, mayHere } from "../../room/rights";
import { Button } from "../../ui/Button";
import { visible } from "../../ui/visible";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";
import { isolated } from "./names";

export interface HowItEndedProps {
  readonly message: Message;
  readonly turnId: string;
}

export function HowItEnded({ message, turnId }: HowItEndedProps) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const ended = useRoomState(room, (state) => state.ended.get(turnId));
  const canAsk =
    useRoomState(room, (state) => !isClosed(state) && mayHere(state, meId, "post") && mayHere(state, meId, "ask_ai")) ??
    false;
  if (ended === undefined || ended.outcome === "done") return null;
  const looks = {
    stopped: {
      icon: <CircleStop aria-hidden="true" size={15} className="shrink-0 text-ink-3" />,
      words:
        ended.stoppedBy === undefined
          ? t("timeline.stopped")
          : t("timeline.stoppedBy", { who: isolated(people.name(ended.stoppedBy)) }),
    },
    interrupted: {
      icon: <CirclePause aria-hidden="true" size={15} className="shrink-0 text-warn" />,
      words: t("timeline.interrupted"),
    },
    failed: {
      icon: <TriangleAlert aria-hidden="true" size={15} className="shrink-0 text-danger" />,
      words: t("timeline.failed"),
    },
    refused: {
      icon: <TriangleAlert aria-hidden="true" size={15} className="shrink-0 text-danger" />,
      words: t("timeline.refused"),
    },
  };
  const { icon, words } = looks[ended.outcome];
  const handle = people.member(message.author_id)?.handle;
  const goOn = () => room.post(t("timeline.continueWords", { handle: `@${handle}` }), { replyTo: message.id });
  return (
    <p className="mt-1.5 flex min-h-8 flex-wrap items-center gap-2 text-small text-ink-2">
      {icon}
      <span className="min-w-0 wrap-anywhere">
        {words}
        {ended.outcome !== "stopped" && ended.reason !== "" && ` ${visible(ended.reason)}`}
      </span>
      {ended.outcome === "interrupted" && canAsk && handle !== undefined && (
        <Button size="sm" onClick={goOn}>
          {t("timeline.continue")}
        </Button>
      )}
    </p>
  );
}
