import { expect, test } from "vitest";
import type { UsageRow } from "../../protocol/api";
import { amountIn, budgetOf, formOf, isWrong } from "./budgetForm";
import { daysOf, forecastOf, fullness, measureOf, sharesOf } from "./sums";

const row = (key: string, cost_micros: number, tokens_in = 0): UsageRow => ({
  key,
  calls: 1,
  tokens_in,
  tokens_cached: 0,
  tokens_out: 0,
  cost_micros,
  unpriced_calls: 0,
  tokens_over: 0,
});

test("who used the most comes first, and the shares are of the whole", () => {
  expect(sharesOf([row("a", 25), row("b", 75)], "money").map((one) => [one.row.key, one.share])).toEqual([
    ["b", 0.75],
    ["a", 0.25],
  ]);
  expect(sharesOf([row("a", 0)], "money")[0]?.share).toBe(0);
});

test("tokens are counted where no price is known", () => {
  expect(measureOf({ cost_micros: 0, calls: 3, unpriced_calls: 3 })).toBe("tokens");
  expect(measureOf({ cost_micros: 0, calls: 3, unpriced_calls: 1 })).toBe("money");
  expect(measureOf({ cost_micros: 0, calls: 0, unpriced_calls: 0 })).toBe("tokens");
});

test("a forecast carries on what was used by the share of the month that has gone by", () => {
  // Ten of thirty days.
  expect(forecastOf(1_000, new Date(Date.UTC(2026, 10, 11)))).toEqual({ elapsed: 1 / 3, amount: 3_000 });
  expect(forecastOf(1_000, new Date(Date.UTC(2026, 10, 1, 23)))).toBeUndefined();
  expect(forecastOf(0, new Date(Date.UTC(2026, 10, 11)))).toBeUndefined();
  // The year's last month ends with the year.
  expect(forecastOf(100, new Date(Date.UTC(2026, 11, 31, 12)))?.amount).toBe(Math.round(100 / (30.5 / 31)));
});

test("a cap of nothing is full", () => {
  expect(fullness({ cap: 0, used: 0 })).toBe(1);
  expect(fullness({ cap: 200, used: 50 })).toBe(0.25);
});

test("each day of the span is there, also those on which nothing was used", () => {
  const days = daysOf([row("2026-11-02", 5)], "2026-11-01T00:00:00.000Z", "2026-11-03T09:00:00.000Z");
  expect(days.map((one) => [one.day, one.row?.cost_micros])).toEqual([
    ["2026-11-01", undefined],
    ["2026-11-02", 5],
    ["2026-11-03", undefined],
  ]);
});

test("caps go into their fields and back; money in units of the currency", () => {
  const budget = {
    total: { micros_per_month: 20_500_000, tokens_per_day: 0 },
    per_asker: { tokens_per_month: 200_000 },
  };
  expect(formOf(budget).total).toMatchObject({ micros_per_month: "20.5", tokens_per_day: "0", micros_per_day: "" });
  expect(budgetOf(formOf(budget))).toEqual(budget);
  expect(budgetOf(formOf({}))).toEqual({ total: {}, per_asker: {} });
});

test("an amount is a number that is not negative and not too large", () => {
  expect(amountIn("tokens_per_day", " 200,000 ")).toBe(200_000);
  expect(amountIn("micros_per_day", "0.000001")).toBe(1);
  for (const text of ["-1", "ten", "1.5.2", "1e9", "99999999999999999999"]) {
    expect(isWrong("tokens_per_day", text)).toBe(true);
  }
  expect(isWrong("tokens_per_day", "1.5")).toBe(true);
  expect(isWrong("tokens_per_day", "  ")).toBe(false);
});
