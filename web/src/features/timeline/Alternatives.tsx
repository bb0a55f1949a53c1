/** Several answers to one request: to look at one after the other, and to choose which one stands. */

import { ChevronLeft, ChevronRight } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../protocol/wire";
import { mayChoose } from "../../room/rights";
import { Button } from "../../ui/Button";
import { IconButton } from "../../ui/IconButton";
import { useAct } from "../answers";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";

export interface AlternativesProps {
  readonly message: Message;
  /** Counted from 0. */
  readonly shown: number;
  readonly onShow: (index: number) => void;
}

export function Alternatives({ message, shown, onShow }: AlternativesProps) {
  const { t } = useTranslation();
  const { room, meId } = useHere();
  const { run, isBusy } = useAct();
  const canChoose = useRoomState(room, (state) => mayChoose(state, meId, message)) ?? false;
  const count = message.alternatives?.length ?? 0;
  if (count < 2) return null;
  return (
    <fieldset className="mt-1.5 flex min-h-8 flex-wrap items-center gap-1">
      <legend className="sr-only">{t("timeline.severalAnswers")}</legend>
      <IconButton
        size="sm"
        label={t("timeline.answerBefore")}
        icon={<ChevronLeft size={16} />}
        disabled={shown === 0}
        onClick={() => onShow(shown - 1)}
      />
      <span className="text-meta text-ink-2 tabular-nums">{t("timeline.answerOf", { number: shown + 1, count })}</span>
      <IconButton
        size="sm"
        label={t("timeline.answerAfter")}
        icon={<ChevronRight size={16} />}
        disabled={shown === count - 1}
        onClick={() => onShow(shown + 1)}
      />
      {shown !== message.chosen && canChoose && (
        <Button
          size="sm"
          isBusy={isBusy}
          onClick={() => void run(() => room.ask({ type: "choose_answer", message_id: message.id, index: shown }))}
        >
          {t("timeline.useAnswer")}
        </Button>
      )}
      {shown === message.chosen && <span className="text-meta text-ink-3">{t("timeline.standsNow")}</span>}
    </fieldset>
  );
}
