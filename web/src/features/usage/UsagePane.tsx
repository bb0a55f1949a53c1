/** What the room's AIs used and cost: this month, by whom and with what, against the caps, and where it is heading. */

import { PiggyBank } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "wouter";
import type { RoomClient } from "../../connection/types";
import type { UsageReport } from "../../protocol/api";
import { Button } from "../../ui/Button";
import { formatCompact, formatDate, formatMoney, formatNumber, formatPercent } from "../../ui/i18n/format";
import { useAnswer } from "../answers";
import { useClient, useReadable, useRoom, useRoomState } from "../hooks";
import { type People, usePeople } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { useRights } from "../useRights";
import { BudgetDialog } from "./BudgetDialog";
import { CapBars } from "./CapBars";
import { amountOf, daysOf, forecastOf, type Measure, measureOf, sharesOf, tokensOf } from "./sums";

const GROUPS = ["asker", "model", "ai"] as const;
type Group = (typeof GROUPS)[number];

export function UsagePane({ roomId }: { readonly roomId: string }) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const people = usePeople(room);
  const rights = useRights(room);
  if (rights.role === undefined) {
    return (
      <div className="p-4">
        <Loading lines={5} />
      </div>
    );
  }
  if (!rights.may("see_usage")) return <Note className="p-4">{t("usage.mayNotSee")}</Note>;
  return <Usage room={room} people={people} maySet={rights.may("set_budgets") && !rights.isArchived} />;
}

interface UsageProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly maySet: boolean;
}

function Usage({ room, people, maySet }: UsageProps) {
  const { t } = useTranslation();
  const client = useClient();
  const offset = useReadable(client.clockOffsetMs);
  const [group, setGroup] = useState<Group>("asker");
  const [search, setSearch] = useSearchParams();
  // A turn that ended, or a budget that was set, is a reason to look again.
  const ended = useRoomState(room, (state) => state.ended.size);
  const budget = useRoomState(room, (state) => JSON.stringify(state.budget));
  const version = `${ended ?? 0} ${budget ?? ""}`;
  const places = { room_id: room.id };
  const days = useAnswer("GET /api/v1/rooms/{room_id}/usage", { places, query: { group: "day" } }, version);
  const grouped = useAnswer("GET /api/v1/rooms/{room_id}/usage", { places, query: { group } }, version);
  const report = days.value;
  const isSetting = search.has("budget") && maySet;
  const setSetting = (isOpen: boolean) =>
    setSearch((before) => {
      const next = new URLSearchParams(before);
      if (isOpen) next.set("budget", "");
      else next.delete("budget");
      return next;
    });
  if (report === undefined) {
    return (
      <div className="p-4">
        {days.refusal === undefined ? <Loading lines={5} /> : <Refusal text={days.refusal} onRetry={days.again} />}
      </div>
    );
  }
  const measure = measureOf(report.total);
  const caps = report.caps ?? [];
  return (
    <>
      <Section title={t("usage.thisMonth")}>
        <Total report={report} measure={measure} now={new Date(Date.now() + offset)} />
        <Days report={report} measure={measure} />
      </Section>
      <Section
        title={t("usage.caps")}
        actions={
          maySet && (
            <Button
              size="sm"
              variant="ghost"
              icon={<PiggyBank aria-hidden="true" size={14} />}
              onClick={() => setSetting(true)}
            >
              {t("usage.setBudget")}
            </Button>
          )
        }
      >
        {caps.length === 0 ? <Note>{t("usage.noCaps")}</Note> : <CapBars caps={caps} currency={report.currency} />}
      </Section>
      <Section title={t("usage.by")}>
        <fieldset className="mb-3 flex gap-1">
          <legend className="sr-only">{t("usage.by")}</legend>
          {GROUPS.map((one) => (
            <Button
              key={one}
              size="sm"
              variant={one === group ? "secondary" : "ghost"}
              aria-pressed={one === group}
              onClick={() => setGroup(one)}
            >
              {t(`usage.groups.${one}`)}
            </Button>
          ))}
        </fieldset>
        {grouped.refusal !== undefined && <Refusal text={grouped.refusal} onRetry={grouped.again} />}
        {grouped.value === undefined && grouped.refusal === undefined && <Loading />}
        {grouped.value !== undefined && <Rows report={grouped.value} group={group} measure={measure} people={people} />}
      </Section>
      {isSetting && (
        <BudgetDialog
          room={room}
          currency={report.currency}
          onClose={() => setSetting(false)}
          onSet={() => days.again()}
        />
      )}
    </>
  );
}

interface TotalProps {
  readonly report: UsageReport;
  readonly measure: Measure;
  readonly now: Date;
}

function Total({ report, measure, now }: TotalProps) {
  const { t } = useTranslation();
  const { total, currency } = report;
  const written = (amount: number) =>
    measure === "money"
      ? formatMoney(amount, currency)
      : t("usage.tokens", { count: amount, number: formatCompact(amount) });
  const forecast = forecastOf(amountOf(total, measure), now);
  return (
    <>
      <p className="text-display font-semibold tabular-nums text-ink">{written(amountOf(total, measure))}</p>
      <p className="text-small text-ink-2">
        {t("usage.inOut", {
          in: formatNumber(total.tokens_in),
          cached: formatNumber(total.tokens_cached),
          out: formatNumber(total.tokens_out),
        })}{" "}
        · {t("usage.calls", { count: total.calls })}
      </p>
      {total.unpriced_calls > 0 && (
        <Note className="text-meta">{t("usage.unpriced", { count: total.unpriced_calls })}</Note>
      )}
      {total.tokens_over > 0 && (
        <Note className="text-meta">{t("usage.over", { number: formatNumber(total.tokens_over) })}</Note>
      )}
      {forecast !== undefined && (
        <p className="mt-2 text-small text-ink-2">
          {t("usage.forecast", { amount: written(forecast.amount), elapsed: formatPercent(forecast.elapsed) })}
        </p>
      )}
    </>
  );
}

function Days({ report, measure }: { readonly report: UsageReport; readonly measure: Measure }) {
  const { t } = useTranslation();
  const days = daysOf(report.rows, report.since, report.until);
  const most = Math.max(1, ...days.map((one) => (one.row === undefined ? 0 : amountOf(one.row, measure))));
  if (report.rows.length === 0) return null;
  const written = (amount: number) =>
    measure === "money" ? formatMoney(amount, report.currency) : formatNumber(amount);
  return (
    <ul aria-label={t("usage.perDay")} className="mt-4 flex h-20 items-end gap-0.5 border-b border-line">
      {days.map(({ day, row }) => {
        const amount = row === undefined ? 0 : amountOf(row, measure);
        const said = `${formatDate(`${day}T12:00:00Z`)}: ${written(amount)}`;
        return (
          <li key={day} data-tip={said} className="flex h-full max-w-6 min-w-0 flex-1 items-end">
            <span className="sr-only">{said}</span>
            <span
              aria-hidden="true"
              className="min-h-px w-full rounded-t-[3px] bg-accent/80"
              style={{ height: `${(amount / most) * 100}%` }}
            />
          </li>
        );
      })}
    </ul>
  );
}

interface RowsProps {
  readonly report: UsageReport;
  readonly group: Group;
  readonly measure: Measure;
  readonly people: People;
}

function Rows({ report, group, measure, people }: RowsProps) {
  const { t } = useTranslation();
  if (report.rows.length === 0) return <Note>{t("usage.nothing")}</Note>;
  return (
    <ul className="flex flex-col gap-3">
      {sharesOf(report.rows, measure).map(({ row, share }) => (
        <li key={row.key}>
          <p className="flex items-baseline justify-between gap-2 text-small">
            <bdi className="min-w-0 truncate font-medium text-ink">
              {group === "model" ? row.key : people.name(row.key)}
            </bdi>
            <span className="shrink-0 tabular-nums text-ink">
              {measure === "money" ? formatMoney(row.cost_micros, report.currency) : formatCompact(tokensOf(row))}
            </span>
          </p>
          <div aria-hidden="true" className="my-1 h-1.5 overflow-hidden rounded-full bg-hover">
            <div className="h-full rounded-full bg-accent" style={{ width: `${share * 100}%` }} />
          </div>
          <p className="text-meta text-ink-3">
            {formatPercent(share)} · {t("usage.tokens", { count: tokensOf(row), number: formatCompact(tokensOf(row)) })}{" "}
            · {t("usage.calls", { count: row.calls })}
          </p>
        </li>
      ))}
    </ul>
  );
}
