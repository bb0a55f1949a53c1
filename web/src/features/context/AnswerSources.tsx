/** What one answer was made of: why it was given, what the AI was shown, what it did, and whether that can be proven. */

import { CircleCheck, CircleX, TriangleAlert } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { Manifest, TurnDetail } from "../../protocol/api";
import { Badge } from "../../ui/Badge";
import { formatDuration, formatMoney, formatNumber } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { useAnswer } from "../answers";
import { useRoomState } from "../hooks";
import { Names, type People } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { BudgetBar } from "./BudgetBar";
import { beginningOf } from "./beginnings";
import { MessageLinks } from "./MessageLinks";
import { ReplayCheck } from "./ReplayCheck";
import { RulesSaid } from "./RulesSaid";
import { Taints } from "./Taints";

export interface AnswerSourcesProps {
  readonly room: RoomClient;
  readonly people: People;
  /** A message of an AI or of a person, or a turn. */
  readonly messageId?: string;
  readonly turnId?: string;
}

export function AnswerSources({ room, people, messageId, turnId }: AnswerSourcesProps) {
  const places = { room_id: room.id };
  const held = useRoomState(room, (state) => state.messages.find((one) => one.id === messageId));
  const asked = useAnswer(
    "GET /api/v1/rooms/{room_id}/messages/{message_id}",
    messageId !== undefined && held === undefined ? { places: { ...places, message_id: messageId } } : undefined,
  );
  const message = held ?? asked.value?.message;
  const turn_id = turnId ?? message?.turn_id;
  const turn = useAnswer(
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}",
    turn_id === undefined ? undefined : { places: { ...places, turn_id } },
  );
  // An answer is explained by what asked for it; a person's message by what became of it.
  const explained = turn.value?.messages ?? (message !== undefined && turn_id === undefined ? [message.id] : []);
  if (asked.refusal !== undefined)
    return (
      <Padded>
        <Refusal text={asked.refusal} onRetry={asked.again} />
      </Padded>
    );
  if (turn.refusal !== undefined)
    return (
      <Padded>
        <Refusal text={turn.refusal} onRetry={turn.again} />
      </Padded>
    );
  if (message === undefined && turn.value === undefined)
    return (
      <Padded>
        <Loading lines={5} />
      </Padded>
    );
  return (
    <>
      {message !== undefined && (
        <Padded>
          <blockquote className="border-l-2 border-ai-line pl-3 text-small text-ink-2">
            <bdi className="font-medium text-ink">{people.name(message.author_id)}</bdi>{" "}
            <Time at={message.at} className="text-meta text-ink-3" />
            <p dir="auto" className="line-clamp-3 wrap-anywhere">
              {beginningOf(message)}
            </p>
          </blockquote>
        </Padded>
      )}
      {turn.value !== undefined && <Why turn={turn.value} people={people} />}
      {explained.length > 0 && <RulesSaid room={room} ids={explained} people={people} />}
      {turn.value?.manifest !== undefined && <Knew room={room} people={people} manifest={turn.value.manifest} />}
      {turn.value !== undefined && <Did turn={turn.value} />}
      {turn.value !== undefined && <Cost room={room} turn={turn.value} />}
      {turn.value?.manifest !== undefined && <ReplayCheck room={room} turnId={turn.value.turn_id} />}
    </>
  );
}

function Padded({ children }: { readonly children: ReactNode }) {
  return <div className="px-4 py-3">{children}</div>;
}

function Why({ turn, people }: { readonly turn: TurnDetail; readonly people: People }) {
  const { t } = useTranslation();
  return (
    <Section title={t("context.why")}>
      <p className="text-small text-ink wrap-anywhere">{turn.why || t("context.whyUnknown")}</p>
      <dl className="mt-2 flex flex-col gap-1 text-small">
        {(turn.askers ?? []).length > 0 && (
          <Line label={t("context.askedBy")}>
            <Names people={people} ids={turn.askers ?? []} />
          </Line>
        )}
        {turn.reason !== undefined && <Line label={t("context.reason")}>{t(`context.reasons.${turn.reason}`)}</Line>}
        {turn.rule_id !== undefined && (
          <Line label={t("context.rule")}>
            <code>{turn.rule_id}</code>
          </Line>
        )}
        {(turn.note ?? "") !== "" && (
          <Line label={t("context.note")}>
            <span dir="auto" className="line-clamp-4">
              {turn.note}
            </span>
          </Line>
        )}
        {turn.ended_because !== undefined && turn.ended_because !== "" && (
          <Line label={t("context.endedBecause")}>{turn.ended_because}</Line>
        )}
      </dl>
    </Section>
  );
}

function Line({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className="flex gap-2">
      <dt className="w-28 shrink-0 text-ink-3">{label}</dt>
      <dd className="min-w-0 flex-1 text-ink-2 wrap-anywhere">{children}</dd>
    </div>
  );
}

interface KnewProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly manifest: Manifest;
}

function Knew({ room, people, manifest }: KnewProps) {
  const { t } = useTranslation();
  const facts = useRoomState(room, (state) => state.facts) ?? [];
  const ids = [...(manifest.older ?? []), ...manifest.messages.map((one) => one.id)];
  const { conversation } = manifest;
  return (
    <Section title={t("context.shown")} actions={<Taints of={manifest.taint} />}>
      {conversation === undefined ? (
        <BudgetBar share={manifest.share} tokens={manifest.tokens} budgetTokens={manifest.budget_tokens} />
      ) : (
        <Note>
          {t("context.plainQuestion", {
            previous: (conversation.previous ?? []).length,
            points: conversation.summary_points,
            facts: conversation.facts,
          })}
        </Note>
      )}
      <dl className="mt-3 flex flex-col gap-1 text-small">
        <Line label={t("context.model")}>{manifest.model}</Line>
        {manifest.summary_version !== undefined && (
          <Line label={t("context.summary")}>{t("context.version", { version: manifest.summary_version })}</Line>
        )}
        {manifest.left_out > 0 && (
          <Line label={t("context.leftOut")}>{t("context.leftOutCount", { count: manifest.left_out })}</Line>
        )}
        {manifest.tools.length > 0 && <Line label={t("context.tools")}>{manifest.tools.join(", ")}</Line>}
      </dl>
      {(manifest.facts ?? []).length > 0 && (
        <>
          <h4 className="mt-3 text-meta font-semibold text-ink-2">{t("context.facts")}</h4>
          <ul className="list-disc pl-5 text-small text-ink-2">
            {(manifest.facts ?? []).map((id) => (
              <li key={id} dir="auto" className="wrap-anywhere">
                {facts.find((fact) => fact.id === id)?.text ?? t("context.factGone")}
              </li>
            ))}
          </ul>
        </>
      )}
      <h4 className="mt-3 mb-1 text-meta font-semibold text-ink-2">
        {t("context.messagesShown", { count: ids.length })}
      </h4>
      <MessageLinks room={room} people={people} ids={ids} />
    </Section>
  );
}

function Did({ turn }: { readonly turn: TurnDetail }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<string>();
  const calls = turn.calls ?? [];
  if (calls.length === 0) return null;
  return (
    <Section title={t("context.toolsUsed")}>
      <ul className="flex flex-col gap-1">
        {calls.map((call) => (
          <li key={call.call_id} className="rounded-button border border-line">
            <button
              type="button"
              aria-expanded={open === call.call_id}
              className="flex min-h-8 w-full items-center gap-2 rounded-button px-2.5 py-1 text-left text-small hover:bg-hover"
              onClick={() => setOpen(open === call.call_id ? undefined : call.call_id)}
            >
              {call.is_ok === true ? (
                <CircleCheck aria-label={t("context.callOk")} size={16} className="shrink-0 text-ok" />
              ) : call.is_ok === false ? (
                <CircleX aria-label={t("context.callFailed")} size={16} className="shrink-0 text-danger" />
              ) : (
                <TriangleAlert aria-label={t("context.callOpen")} size={16} className="shrink-0 text-warn" />
              )}
              <code className="min-w-0 flex-1 truncate">{call.name}</code>
              {call.taint !== undefined && <Taints of={[call.taint]} />}
              {call.finished_at !== undefined && (
                <span className="text-meta text-ink-3">
                  {formatDuration((Date.parse(call.finished_at) - Date.parse(call.called_at)) / 1000)}
                </span>
              )}
            </button>
            {open === call.call_id && (
              <div className="border-t border-line p-2">
                {call.is_redacted && <Note>{t("context.redacted")}</Note>}
                <pre className="max-h-64 overflow-auto rounded-chip bg-terminal p-2 font-mono text-mono whitespace-pre-wrap text-terminal-ink wrap-anywhere">
                  {call.arguments}
                  {(call.text ?? "") !== "" && `\n\n${call.text}`}
                </pre>
              </div>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** The server tells it only to who may see what the room uses. */
function Cost({ room, turn }: { readonly room: RoomClient; readonly turn: TurnDetail }) {
  const { t } = useTranslation();
  const { usage } = turn;
  // A turn's own figures do not name the currency of the price list; the room's report does.
  const report = useAnswer(
    "GET /api/v1/rooms/{room_id}/usage",
    usage?.cost_micros === undefined ? undefined : { places: { room_id: room.id } },
  );
  if (usage === undefined) return null;
  const currency = report.value?.currency;
  return (
    <Section title={t("context.cost")} actions={usage.is_estimated && <Badge>{t("context.estimated")}</Badge>}>
      {usage.cost_micros === undefined ? (
        <Note className="mb-1">{t("context.noPrice")}</Note>
      ) : (
        currency !== undefined && (
          <p className="mb-1 text-small font-medium text-ink tabular-nums">
            {formatMoney(usage.cost_micros, currency)}
          </p>
        )
      )}
      <p className="text-small text-ink-2">
        {t("context.usedTokens", {
          in: formatNumber(usage.tokens_in),
          cached: formatNumber(usage.tokens_cached),
          out: formatNumber(usage.tokens_out),
        })}{" "}
        · {t("context.modelCalls", { count: usage.calls })}
      </p>
      {(turn.switches ?? []).map((one) => (
        <p key={one.at} className="mt-1 text-small text-ink-2 wrap-anywhere">
          {t("context.switched", { model: one.model, previous: one.previous, reason: one.reason })}
        </p>
      ))}
    </Section>
  );
}
