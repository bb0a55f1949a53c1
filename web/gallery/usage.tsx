/** The pane of usage in its states. */

import { BudgetDialog } from "../src/features/usage/BudgetDialog";
import { UsagePane } from "../src/features/usage/UsagePane";
import type { CapState, UsageReport, UsageRow } from "../src/protocol/api";
import { NOW } from "./clock";
import { type Answers, type FakeParts, fakeClient, fakeRoom } from "./fake";
import { DEPLOY, deepSeek, deployRoom, mei, sam } from "./rooms";
import { Scene } from "./Scene";

const row = (key: string, share: number, more: Partial<UsageRow> = {}): UsageRow => ({
  key,
  calls: Math.round(210 * share),
  tokens_in: Math.round(4_812_000 * share),
  tokens_cached: Math.round(3_900_000 * share),
  tokens_out: Math.round(96_400 * share),
  cost_micros: Math.round(11_840_000 * share),
  unpriced_calls: 0,
  tokens_over: 0,
  ...more,
});

const days = Array.from({ length: 20 }, (_, place) => place + 1)
  .filter((day) => day % 7 !== 1)
  .map((day) => row(`2026-11-${String(day).padStart(2, "0")}`, ((day * 37) % 11) / 90));

const caps: readonly CapState[] = [
  { scope: "room", period: "month", unit: "micros", cap: 20_000_000, used: 11_840_000 },
  { scope: "room_asker", period: "day", unit: "tokens", cap: 200_000, used: 172_400 },
  { scope: "asker", period: "day", unit: "tokens", cap: 50_000, used: 50_000 },
];

const rows: Readonly<Record<string, readonly UsageRow[]>> = {
  day: days,
  asker: [row(mei.id, 0.61), row(sam.id, 0.39)],
  model: [row("deepseek-chat", 0.88), row("deepseek-reasoner", 0.12)],
  ai: [row(deepSeek.id, 1)],
};

const report = (group: UsageReport["group"], more: Partial<UsageReport> = {}): UsageReport => ({
  since: "2026-11-01T00:00:00.000Z",
  until: new Date(NOW).toISOString(),
  currency: "CNY",
  room_id: DEPLOY,
  group,
  rows: rows[group] ?? [],
  total: row("", 1),
  caps,
  ...more,
});

const answers: Answers = {
  "GET /api/v1/rooms/{room_id}/usage": ({ query }) =>
    report(query !== undefined && "group" in query && query.group === "day" ? "day" : "asker"),
};

function pane(parts: FakeParts = {}) {
  return () => (
    <Scene as="pane" client={fakeClient({ answers, ...parts })}>
      <UsagePane roomId={DEPLOY} />
    </Scene>
  );
}

const none = row("", 0);

export const states = {
  month: pane(),
  nothing: pane({
    answers: {
      "GET /api/v1/rooms/{room_id}/usage": ({ query }) =>
        report(query !== undefined && "group" in query && query.group === "day" ? "day" : "asker", {
          rows: [],
          total: none,
          caps: [],
        }),
    },
  }),
  unpriced: pane({
    answers: {
      "GET /api/v1/rooms/{room_id}/usage": report("asker", {
        rows: [row(mei.id, 0.7, { cost_micros: 0, unpriced_calls: 147 })],
        total: row("", 0.7, { cost_micros: 0, unpriced_calls: 147, tokens_over: 1_204 }),
        caps: [],
      }),
    },
  }),
  loading: pane({ answers: {} }),
  budget: () => (
    <Scene client={fakeClient({ answers })}>
      <BudgetDialog
        room={fakeRoom(DEPLOY, {
          states: [
            deployRoom({ budget: { total: { micros_per_month: 20_000_000 }, per_asker: { tokens_per_day: 200_000 } } }),
          ],
        })}
        currency="CNY"
        onClose={() => {}}
        onSet={() => {}}
      />
    </Scene>
  ),
};
