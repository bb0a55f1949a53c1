import { describe, expect, it } from "vitest";
import { fitOf } from "./matching";
import { initialsOf } from "./pinyin";

describe("pinyin initials", () => {
  it("are those of each sign, and other letters stay", () => {
    expect(initialsOf("客户支持")).toBe("khzc");
    expect(initialsOf("部署 room-2")).toBe("bsroom2");
    expect(initialsOf("奶茶外卖")).toBe("ncwm");
  });
  it("are none for a text without Chinese", () => {
    expect(initialsOf("deploy-room")).toBe("");
  });
});

describe("how well a line fits", () => {
  const best = (written: string, lines: readonly (readonly string[])[]) =>
    lines
      .map((line) => ({ line, fit: fitOf(written, line) }))
      .filter((one) => one.fit > 0)
      .sort((one, other) => other.fit - one.fit)
      .map((one) => one.line[0]);

  it("puts a beginning before a word's beginning, that before the middle, and that before scattered letters", () => {
    expect(best("de", [["under"], ["my-deploy"], ["deploy"], ["dxe"], ["abc"]])).toEqual([
      "deploy",
      "my-deploy",
      "under",
      "dxe",
    ]);
  });
  it("takes Chinese by its signs and by their initials", () => {
    expect(best("客户", [["客户支持"], ["财务"]])).toEqual(["客户支持"]);
    expect(best("khz", [["客户支持"], ["财务"]])).toEqual(["客户支持"]);
    expect(best("cw", [["客户支持"], ["财务"]])).toEqual(["财务"]);
  });
  it("wants every word, each somewhere in the line", () => {
    expect(fitOf("dep lag", ["deploy-room", "about lags"])).toBeGreaterThan(0);
    expect(fitOf("dep cat", ["deploy-room", "about lags"])).toBe(0);
  });
  it("puts a name before what else is known of a line", () => {
    expect(best("lag", [["deploy", "lag alerts"], ["lag"]])).toEqual(["lag", "deploy"]);
  });
  it("does not mind the sign before a room or a person", () => {
    expect(fitOf("#dep", ["deploy-room"])).toBe(1);
    expect(fitOf("@sam", ["Sam"])).toBe(1);
  });
});
