/** What the room's AI knows: its budget, facts, summary and window; and, for one answer, what that was made of. */

import { ArrowLeft, RefreshCw } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "wouter";
import type { RoomClient } from "../../connection/types";
import type { Member } from "../../protocol/wire";
import type { RoomState } from "../../room/state";
import { Select } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { later } from "../../ui/Later";
import { useAnswer } from "../answers";
import { useAtMostEvery, useRoom, useRoomState } from "../hooks";
import { type People, usePeople } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { useRights } from "../useRights";
import { BudgetBar } from "./BudgetBar";
import { CatchUpSection } from "./CatchUpSection";
import { Facts, Proposals } from "./Facts";
import { PinnedSection } from "./PinnedSection";
import { SummarySection } from "./SummarySection";
import { WindowNow } from "./WindowNow";

const ASK_EVERY_MS = 20_000;

const AnswerSources = later(() => import("./AnswerSources").then((part) => part.AnswerSources), {
  words: ["context"],
  meanwhile: <Beginning />,
});

export function ContextPane({ roomId }: { readonly roomId: string }) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const people = usePeople(room);
  const [search, setSearch] = useSearchParams();
  const answer = search.get("answer") ?? undefined;
  const turn = search.get("turn") ?? undefined;
  if (answer === undefined && turn === undefined) {
    return <Known room={room} people={people} isCatchUp={search.has("catch-up")} />;
  }
  const back = () =>
    setSearch((before) => {
      const next = new URLSearchParams(before);
      next.delete("answer");
      next.delete("turn");
      return next;
    });
  return (
    <div>
      <div className="flex items-center gap-2 border-b border-line px-2 py-1.5">
        <IconButton label={t("common.back")} icon={<ArrowLeft size={16} />} onClick={back} />
        <h2 className="text-small font-semibold text-ink">{t("context.sourcesTitle")}</h2>
      </div>
      <AnswerSources room={room} people={people} messageId={answer} turnId={turn} key={answer ?? turn} />
    </div>
  );
}

function Beginning() {
  return (
    <div className="p-4">
      <Loading lines={5} />
    </div>
  );
}

interface KnownProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly isCatchUp: boolean;
}

function sameMembers(one: readonly Member[] | undefined, other: readonly Member[] | undefined): boolean {
  return one?.length === other?.length && (one ?? []).every((member, place) => member === other?.[place]);
}

/** Another one when what an AI is given has become much different. */
function learntIn({ ended, summary, facts, pins }: RoomState): string {
  return [ended.size, summary?.version ?? 0, facts.map((fact) => fact.id).join(), pins.length].join(" ");
}

function Known({ room, people, isCatchUp }: KnownProps) {
  const { t } = useTranslation();
  const rights = useRights(room);
  const ais = useRoomState(
    room,
    (state) => [...state.members.values()].filter((one) => one.kind === "ai"),
    sameMembers,
  );
  const usual = useRoomState(room, (state) => state.room.settings.default_ai);
  const [chosen, setChosen] = useState<string>();
  const ai = ais?.find((one) => one.account_id === (chosen ?? usual)) ?? ais?.[0];
  const learnt = useRoomState(room, learntIn);
  // Each message changes it a little; that all who look ask with each would be too much.
  const seq = useAtMostEvery(useRoomState(room, (state) => state.seq) ?? 0, ASK_EVERY_MS);
  const preview = useAnswer(
    "GET /api/v1/rooms/{room_id}/context",
    ai === undefined ? undefined : { places: { room_id: room.id }, query: { ai: ai.account_id } },
    `${learnt ?? ""} ${seq}`,
  );
  const mayEdit = rights.may("edit_summary") && !rights.isArchived;
  if (ais === undefined) return <Beginning />;
  return (
    <>
      <Section
        title={ai === undefined ? t("context.title") : t("context.titleOf", { name: ai.display_name })}
        actions={
          ai !== undefined && (
            <IconButton
              size="sm"
              label={t("context.refresh")}
              icon={<RefreshCw size={14} className={preview.isLoading ? "animate-turn" : ""} />}
              onClick={preview.again}
            />
          )
        }
      >
        {ais.length > 1 && ai !== undefined && (
          <Select
            aria-label={t("context.whichAi")}
            className="mb-3"
            value={ai.account_id}
            options={ais.map((one) => ({ value: one.account_id, label: one.display_name }))}
            onChange={setChosen}
          />
        )}
        {ai === undefined && <Note>{t("context.noAi")}</Note>}
        {preview.refusal !== undefined && <Refusal text={preview.refusal} onRetry={preview.again} />}
        {preview.isLoading && preview.value === undefined && <Loading />}
        {preview.value !== undefined && (
          <>
            {preview.value.conversation === undefined ? (
              <BudgetBar
                share={preview.value.share}
                tokens={preview.value.tokens}
                budgetTokens={preview.value.budget_tokens}
              />
            ) : (
              <Note>{t("context.plainQuestionNow")}</Note>
            )}
            <p className="mt-2 text-meta text-ink-3">
              {t("context.model")}: {preview.value.model}
            </p>
          </>
        )}
      </Section>
      <PinnedSection room={room} people={people} />
      <CatchUpSection room={room} people={people} isAsked={isCatchUp} />
      <Proposals room={room} people={people} mayEdit={mayEdit} />
      <Facts room={room} people={people} mayEdit={mayEdit} />
      <SummarySection room={room} people={people} mayEdit={mayEdit} />
      {preview.value !== undefined && <WindowNow room={room} people={people} preview={preview.value} />}
    </>
  );
}
