/** What happened since the reader last looked, for them alone and only when they ask. */

import { Coffee } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Time } from "../../ui/Time";
import { useAnswer } from "../answers";
import { useRoomState } from "../hooks";
import { Name, Names, type People } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { Points } from "./Points";
import { Taints } from "./Taints";

export interface CatchUpSectionProps {
  readonly room: RoomClient;
  readonly people: People;
  /** Asked for elsewhere already. */
  readonly isAsked?: boolean;
}

export function CatchUpSection({ room, people, isAsked = false }: CatchUpSectionProps) {
  const { t } = useTranslation();
  const readBefore = useRoomState(room, (state) => state.readBefore.seq);
  const [wasPressed, setPressed] = useState(isAsked);
  const caught = useAnswer(
    "GET /api/v1/rooms/{room_id}/catch-up",
    wasPressed && readBefore !== undefined
      ? { places: { room_id: room.id }, query: { after_seq: readBefore } }
      : undefined,
  );
  const { value } = caught;
  const points = value?.points ?? [];
  const mentions = value?.mentions ?? [];
  return (
    <Section title={t("context.catchUp")} hint={wasPressed ? undefined : t("context.catchUpHint")}>
      {!wasPressed && (
        <Button size="sm" icon={<Coffee aria-hidden="true" size={14} />} onClick={() => setPressed(true)}>
          {t("context.catchMeUp")}
        </Button>
      )}
      {caught.isLoading && value === undefined && <Loading lines={4} />}
      {caught.refusal !== undefined && <Refusal text={caught.refusal} onRetry={caught.again} />}
      {value !== undefined && value.messages + value.answers === 0 && points.length === 0 && (
        <Note>{t("context.nothingNew")}</Note>
      )}
      {value !== undefined && value.messages + value.answers > 0 && (
        <div className="flex flex-col gap-3">
          <p className="text-small text-ink-2">
            {t("context.messagesOfPeople", { count: value.messages })}
            {value.answers > 0 && <>, {t("context.answersOfAis", { count: value.answers })}</>}
            {(value.people ?? []).length > 0 && (
              <>
                {" · "}
                <Names people={people} ids={value.people ?? []} />
              </>
            )}
          </p>
          {value.was_cut && <Note>{t("context.wasCut", { seq: value.from_seq })}</Note>}
          {mentions.length > 0 && (
            <div>
              <h4 className="mb-0.5 text-meta font-semibold text-ink-2">{t("context.mentionsOfYou")}</h4>
              <ul className="flex flex-col gap-0.5">
                {mentions.map((mention) => (
                  <li key={mention.message_id}>
                    <Link
                      href={`/r/${room.id}/m/${mention.message_id}`}
                      className="-mx-2 block rounded-button px-2 py-1 text-small text-ink-2 hover:bg-hover hover:text-ink"
                    >
                      <Name people={people} id={mention.author_id} />{" "}
                      <Time at={mention.at} as="relative" className="text-meta text-ink-3" />
                      <span dir="auto" className="line-clamp-2 wrap-anywhere">
                        {mention.text}
                      </span>
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          )}
          <Points room={room} people={people} points={points} />
          <p className="flex flex-wrap items-center gap-1.5 text-meta text-ink-3">
            {value.method === "extractive" ? t("context.extractive") : t("context.byModel", { model: value.method })}
            <Taints of={value.taint} />
          </p>
        </div>
      )}
    </Section>
  );
}
