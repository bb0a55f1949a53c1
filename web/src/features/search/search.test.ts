import { describe, expect, it } from "vitest";
import { type Asked, fromAddress, idBefore, toAddress, withFilters } from "./asked";
import { excerpt, isFound, marked } from "./marked";

const plain: Asked = { words: "", roomId: undefined, from: undefined, hasFile: false, before: undefined };

describe("what is searched for", () => {
  it("is read from its address and written into it", () => {
    const asked: Asked = { words: "lag alert", roomId: "R1", from: "mei", hasFile: true, before: "2026-11-01" };
    expect(fromAddress(toAddress(asked).slice("/search".length))).toEqual(asked);
    expect(toAddress(plain)).toBe("/search");
  });
  it("takes filters out of the words", () => {
    expect(withFilters({ ...plain, words: "lag from:@mei has:file before:2026-11-01" })).toEqual({
      ...plain,
      words: "lag",
      from: "mei",
      hasFile: true,
      before: "2026-11-01",
    });
  });
  it("leaves words that are no filter alone", () => {
    const words = "has:legs before:noon before:2026-13-45 http://x from:";
    expect(withFilters({ ...plain, words })).toEqual({ ...plain, words });
  });
  it("says a day as the id before which everything is older", () => {
    const day = new Date("2026-11-22T00:00:00").getTime();
    const id = idBefore("2026-11-22");
    expect(id).toHaveLength(26);
    const signs = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const time = [...id.slice(0, 10)].reduce((sum, sign) => sum * 32 + signs.indexOf(sign), 0);
    expect(time).toBe(day);
    expect(idBefore("2026-11-21") < id).toBe(true);
  });
});

describe("marking", () => {
  const finds = (text: string, words: string) =>
    marked(text, words)
      .filter((piece) => piece.isFind)
      .map((piece) => piece.text);

  it("marks every word, in any case, and loses nothing of the text", () => {
    const text = "Lag alerts: the LAG of c++ (lag)";
    expect(finds(text, "lag c++")).toEqual(["Lag", "LAG", "c++", "lag"]);
    expect(
      marked(text, "lag c++")
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  });
  it("marks the longer word where one is in the other", () => {
    expect(finds("deployment", "deploy deployment")).toEqual(["deployment"]);
  });
  it("finds Chinese inside of a sentence, and takes signs as they are", () => {
    expect(finds("请检查部署日志", "部署")).toEqual(["部署"]);
    expect(isFound("a.b", "a?b")).toBe(false);
  });
  it("shows the piece around the first find", () => {
    const text = `${"x ".repeat(400)}needle ${"y ".repeat(400)}`;
    const shown = excerpt(text, "needle", 200);
    expect(shown).toContain("needle");
    expect(shown.startsWith("…")).toBe(true);
    expect(shown.endsWith("…")).toBe(true);
    expect(excerpt(`${"x ".repeat(400)}needle at the end.`, "needle", 200)).toMatch(/^…x .* needle at the end\.$/);
    expect(excerpt("short\n\ntext", "text")).toBe("short text");
  });
});
