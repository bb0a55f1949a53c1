import { describe, expect, it } from "vitest";
import { fitOf, isByTopic } from "./matching";
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
      .map((names) => ({ name: names[0], fit: fitOf(written, { names }) }))
      .filter((one) => one.fit > 0)
      .sort((one, other) => other.fit - one.fit)
      .map((one) => one.name);

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
    expect(fitOf("kjj", { phrase: "支持快捷键" })).toBeGreaterThan(0);
  });
  it("wants every word, each somewhere in the line", () => {
    const line = { names: ["deploy-room"], topic: "about lags" };
    expect(fitOf("dep lag", line)).toBeGreaterThan(0);
    expect(fitOf("dep cat", line)).toBe(0);
  });
  it("puts a name before a handle, and any name before a topic", () => {
    expect(best("lag", [["deploy", "lag"], ["lag"]])).toEqual(["lag", "deploy"]);
    const byTopic = fitOf("lag", { names: ["deploy"], topic: "lag alerts" });
    expect(byTopic).toBeGreaterThan(0);
    expect(fitOf("lag", { names: ["deploy", "l-a-g"] })).toBeGreaterThan(byTopic);
    expect([isByTopic(byTopic), isByTopic(fitOf("lag", { names: ["flag"] })), isByTopic(0)]).toEqual([
      true,
      false,
      false,
    ]);
  });
  it("takes a topic only where one of its words begins so", () => {
    const topic = "Releases, staging, and who broke what (客户支持, e-mail)";
    for (const written of ["stag", "RELEASES", "who", "支持", "e-mail", "mail"])
      expect([written, fitOf(written, { topic })]).toEqual([written, 0.01]);
    for (const written of ["tag", "rls", "oke", "wht", "khz"])
      expect([written, fitOf(written, { topic })]).toEqual([written, 0]);
  });
  it("takes what an action says only by beginnings of words", () => {
    const phrase = "Jump to a room, person or action";
    expect(fitOf("room", { phrase })).toBeGreaterThan(0);
    for (const written of ["jmp", "tap", "oom"]) expect(fitOf(written, { phrase })).toBe(0);
  });
  it("does not mind the sign before a room or a person", () => {
    expect(fitOf("#dep", { names: ["deploy-room"] })).toBe(1);
    expect(fitOf("@sam", { names: ["Sam"] })).toBe(1);
  });
});
