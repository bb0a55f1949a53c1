/** What each of the room's rules said of a message, and which of them made an AI answer. */

import { CircleCheck, Minus } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { useAnswer } from "../answers";
import type { People } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { MessageLinks } from "./MessageLinks";

export interface RulesSaidProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly ids: readonly string[];
}

export function RulesSaid({ room, people, ids }: RulesSaidProps) {
  const { t } = useTranslation();
  return (
    <Section title={t("context.rulesSaid")} hint={t("context.rulesSaidHint")}>
      {ids.map((id) => (
        <Verdicts key={id} room={room} people={people} messageId={id} />
      ))}
    </Section>
  );
}

function Verdicts({ room, people, messageId }: { room: RoomClient; people: People; messageId: string }) {
  const { t } = useTranslation();
  const explained = useAnswer("GET /api/v1/rooms/{room_id}/messages/{message_id}/explain", {
    places: { room_id: room.id, message_id: messageId },
  });
  if (explained.refusal !== undefined) return <Refusal text={explained.refusal} onRetry={explained.again} />;
  if (explained.value === undefined) return <Loading lines={2} />;
  const { verdicts = [], turns = [], is_exact } = explained.value;
  // Schedules and webhooks hear no message: they say so of each one, and nobody asked.
  const told = verdicts.filter((one) => one.why !== "not_by_message");
  return (
    <div className="mb-3 last:mb-0">
      <MessageLinks room={room} people={people} ids={[messageId]} />
      <ul className="mt-1 flex flex-col gap-1">
        {told.map((one) => (
          <li key={`${one.rule_id} ${one.ai_id ?? ""}`} className="flex gap-2 text-small">
            {one.fires ? (
              <CircleCheck aria-label={t("context.fires")} size={16} className="mt-0.5 shrink-0 text-ok" />
            ) : (
              <Minus aria-label={t("context.doesNotFire")} size={16} className="mt-0.5 shrink-0 text-ink-3" />
            )}
            <span className="min-w-0 text-ink-2 wrap-anywhere">
              <code className="text-ink">{one.rule_id}</code> {one.text}
            </span>
          </li>
        ))}
        {told.length === 0 && turns.length === 0 && <Note>{t("context.noVerdicts")}</Note>}
      </ul>
      {!is_exact && <Note className="mt-1 text-meta">{t("context.notExact")}</Note>}
    </div>
  );
}
