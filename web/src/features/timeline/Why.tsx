/** Why a message made an AI answer, or why it did not: each rule's word, and the turns that came of it. */

import { CircleCheck, CircleMinus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Dialog } from "../../ui/Dialog";
import { useAnswer } from "../answers";
import { useHere } from "../cards/RoomHere";
import { Loading, Note, Refusal } from "../sections";

export interface WhyProps {
  readonly messageId: string;
  readonly onClose: () => void;
}

export function Why({ messageId, onClose }: WhyProps) {
  const { t } = useTranslation();
  const { roomId, people } = useHere();
  const answer = useAnswer("GET /api/v1/rooms/{room_id}/messages/{message_id}/explain", {
    places: { room_id: roomId, message_id: messageId },
  });
  const { value } = answer;
  const verdicts = value?.verdicts ?? [];
  const turns = value?.turns ?? [];
  return (
    <Dialog isOpen onOpenChange={(isOpen) => !isOpen && onClose()} title={t("timeline.whyTitle")}>
      {answer.refusal !== undefined ? (
        <Refusal text={answer.refusal} onRetry={answer.again} />
      ) : value === undefined ? (
        <Loading />
      ) : (
        <div className="flex flex-col gap-4">
          {verdicts.length === 0 && turns.length === 0 && <Note>{t("timeline.whyNothing")}</Note>}
          <ul className="flex flex-col gap-3">
            {verdicts.map((verdict) => (
              <li key={`${verdict.rule_id} ${verdict.ai_id}`} className="flex gap-2.5 text-small">
                {verdict.fires ? (
                  <CircleCheck aria-hidden="true" size={16} className="mt-0.5 shrink-0 text-ok" />
                ) : (
                  <CircleMinus aria-hidden="true" size={16} className="mt-0.5 shrink-0 text-ink-3" />
                )}
                <span className="min-w-0 text-ink">
                  {verdict.ai_id !== undefined && <bdi className="font-medium">{people.name(verdict.ai_id)}: </bdi>}
                  {verdict.fires ? t("timeline.whyFires") : t("timeline.whyNot")} {verdict.text}
                </span>
              </li>
            ))}
          </ul>
          {turns.length > 0 && (
            <ul className="flex flex-col gap-1 border-t border-line pt-3 text-small text-ink-2">
              {turns.map((turn) => (
                <li key={turn.turn_id}>
                  <bdi className="font-medium text-ink">{people.name(turn.ai_id)}</bdi>
                  {": "}
                  {t(`timeline.turnStates.${stateOf(turn.state)}`)}
                  {turn.ended_because !== undefined && turn.ended_because !== "" && ` · ${turn.ended_because}`}
                </li>
              ))}
            </ul>
          )}
          {!value.is_exact && <Note>{t("timeline.whyNotExact")}</Note>}
        </div>
      )}
    </Dialog>
  );
}

const STATES = ["requested", "running", "done", "stopped", "interrupted", "failed", "refused"] as const;

function stateOf(state: string): (typeof STATES)[number] {
  return STATES.find((one) => one === state) ?? "done";
}
