/** What a message said before it was edited, newest first. */

import { useTranslation } from "react-i18next";
import { Dialog } from "../../ui/Dialog";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/visible";
import { useAnswer } from "../answers";
import { useHere } from "../cards/RoomHere";
import { Loading, Refusal } from "../sections";

export interface HistoryProps {
  readonly messageId: string;
  readonly onClose: () => void;
}

export function History({ messageId, onClose }: HistoryProps) {
  const { t } = useTranslation();
  const { roomId } = useHere();
  const answer = useAnswer("GET /api/v1/rooms/{room_id}/messages/{message_id}", {
    places: { room_id: roomId, message_id: messageId },
  });
  const revisions = [...(answer.value?.revisions ?? [])].reverse();
  return (
    <Dialog isOpen onOpenChange={(isOpen) => !isOpen && onClose()} title={t("timeline.history")}>
      {answer.refusal !== undefined ? (
        <Refusal text={answer.refusal} onRetry={answer.again} />
      ) : answer.value === undefined ? (
        <Loading />
      ) : (
        <ol className="flex flex-col gap-4">
          {revisions.map((revision) => (
            <li key={revision.revision}>
              <p className="text-meta text-ink-3">
                {t("timeline.revision", { number: revision.revision })} · <Time at={revision.at} as="full" />
              </p>
              <p dir="auto" className="mt-1 text-body whitespace-pre-wrap text-ink wrap-anywhere">
                {visible(revision.text, true)}
              </p>
            </li>
          ))}
        </ol>
      )}
    </Dialog>
  );
}
