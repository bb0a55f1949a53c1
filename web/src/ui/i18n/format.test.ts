// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import {
  formatBytes,
  formatClock,
  formatDay,
  formatDuration,
  formatMoment,
  formatMoney,
  formatRelative,
} from "./format";
import { show } from "./index";

const now = new Date(2026, 10, 20, 14, 5).getTime();
const earlier = (days: number, hours = 0) => new Date(2026, 10, 20 - days, 14 - hours, 5).toISOString();

afterEach(() => show("en"));

describe("in English", () => {
  it("calls a day by the name it has today", () => {
    expect(formatDay(earlier(0, 13), now)).toBe("Today");
    expect(formatDay(earlier(1), now)).toBe("Yesterday");
    expect(formatDay(earlier(5), now)).toBe("Sunday, November 15");
    expect(formatDay(earlier(400), now)).toBe("October 16, 2025");
  });

  it("says a moment to the second, with its year where that is another one", () => {
    expect(formatMoment(earlier(0, 5), now)).toBe("Nov 20, 09:05:00");
    expect(formatMoment(earlier(400, 5), now)).toBe("Oct 16, 2025, 09:05:00");
  });

  it("says how long ago, in the largest unit that fits", () => {
    expect(formatRelative(earlier(0, 2), now)).toBe("2 hours ago");
    expect(formatRelative(earlier(14), now)).toBe("2 weeks ago");
    expect(formatRelative(earlier(0), now)).toBe("now");
  });

  it("writes spans, clocks and sizes short", () => {
    expect(formatDuration(4.08)).toBe("4.1 sec");
    expect(formatDuration(59.7)).toBe("1 min");
    expect(formatDuration(200)).toBe("3 min 20 sec");
    expect(formatDuration(7500)).toBe("2 hr 5 min");
    expect(formatClock(581)).toBe("9:41");
    expect(formatClock(3661)).toBe("1:01:01");
    expect(formatClock(-3)).toBe("0:00");
    expect(formatBytes(0)).toBe("0 bytes");
    expect(formatBytes(1_440_000)).toBe("1.4 MB");
    expect(formatBytes(999_999)).toBe("1 MB");
  });

  it("keeps the digits of money that say something", () => {
    expect(formatMoney(1_840_000, "CNY")).toBe("¥1.84");
    expect(formatMoney(1_200, "USD")).toBe("$0.0012");
    expect(formatMoney(0, "USD")).toBe("$0.00");
  });
});

describe("in Chinese", () => {
  it("writes the same in its own words, and tells the page its language", async () => {
    await show("zh");
    expect(formatDay(earlier(0), now)).toBe("今天");
    expect(formatDay(earlier(5), now)).toBe("11月15日星期日");
    expect(document.documentElement.lang).toBe("zh-CN");
  });
});
