import { describe, expect, it } from "vitest";
import { type Asked, fromAddress, queryOf, toAddress, withFilters } from "./asked";
import { excerpt, isFound, marked } from "./marked";

const plain: Asked = {
  words: "",
  roomId: undefined,
  roomName: undefined,
  from: undefined,
  hasFile: false,
  hasLink: false,
  after: undefined,
  before: undefined,
};
const typed = (words: string) => withFilters({ ...plain, words });

describe("what is searched for", () => {
  it("is read from its address and written into it", () => {
    const asked: Asked = {
      words: "lag alert",
      roomId: "R1",
      roomName: undefined,
      from: "mei",
      hasFile: true,
      hasLink: true,
      after: "2026-10-01",
      before: "2026-11-01",
    };
    expect(fromAddress(toAddress(asked).slice("/search".length))).toEqual(asked);
    const named = { ...plain, roomName: "the room", hasLink: true };
    expect(fromAddress(toAddress(named).slice("/search".length))).toEqual(named);
    expect(toAddress(plain)).toBe("/search");
  });
  it("takes filters out of the words", () => {
    expect(typed("lag from:@mei has:file HAS:link in:#welcome after:2026-10-01 before:2026-11-01 alert")).toEqual({
      ...plain,
      words: "lag alert",
      from: "mei",
      hasFile: true,
      hasLink: true,
      roomName: "welcome",
      after: "2026-10-01",
      before: "2026-11-01",
    });
  });
  it("takes a name of several words in quotes, and the signs of a Chinese keyboard", () => {
    expect(typed('lag from:"Mei Lin" in:"the room" x')).toEqual({
      ...plain,
      words: "lag x",
      from: "Mei Lin",
      roomName: "the room",
    });
    expect(typed("部署 from：＠小明 in：“客户 支持”")).toEqual({
      ...plain,
      words: "部署",
      from: "小明",
      roomName: "客户 支持",
    });
  });
  it("leaves words that are no filter alone", () => {
    for (const words of [
      "has:legs before:noon before:2026-13-45 after:2026-02-31 after:0002-11-01 http://x from: in:# from:@",
      'from:"" say "from:mei, to:sam" x:"y z"',
    ]) {
      expect(typed(words)).toEqual({ ...plain, words });
    }
  });
  it("is the same however often it is read, and comes back from its address, whatever was typed", () => {
    const pieces = [
      ...'a:："“” \t#@＠',
      "from:",
      "in:",
      "has:file",
      "has:",
      "before:2026-11-01",
      "after:",
      "部署",
      "😀",
      "&q=",
      "%",
    ];
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    for (let round = 0; round < 3_000; round++) {
      const words = Array.from({ length: next(9) }, () => pieces[next(pieces.length)] ?? "").join("");
      const once = typed(words);
      expect(withFilters(once), words).toEqual(once);
      expect(fromAddress(toAddress(once).slice("/search".length)), words).toEqual(once);
    }
  });
  it("means the room that was written last", () => {
    expect(withFilters({ ...plain, roomId: "R1", words: "lag in:other" })).toMatchObject({
      roomId: undefined,
      roomName: "other",
    });
  });
});

describe("what the server is asked for", () => {
  it("is nothing before there are words or a filter", () => {
    expect(queryOf(plain)).toBeUndefined();
    expect(queryOf({ ...plain, roomId: "R1", roomName: "welcome" })).toBeUndefined();
    expect(queryOf({ ...plain, hasFile: true })).toEqual({ has_file: true });
  });
  it("has days as the moments at which they begin here", () => {
    const asked = { ...plain, words: "lag", after: "2026-11-01", before: "2026-11-22" };
    expect(queryOf(asked)).toEqual({
      q: "lag",
      since: new Date("2026-11-01T00:00:00").toISOString(),
      until: new Date("2026-11-22T00:00:00").toISOString(),
    });
  });
  it("is no longer than the server takes, and cuts no sign in two", () => {
    const asked = queryOf({ ...plain, words: "😀".repeat(300), from: "名".repeat(200) });
    expect(asked?.q).toBe("😀".repeat(200));
    expect(asked?.author).toBe("名".repeat(100));
  });
  it("names one room at most", () => {
    expect(queryOf({ ...plain, words: "x", roomId: "R1", roomName: "n" })).toEqual({ q: "x", room: "R1" });
    expect(queryOf({ ...plain, words: "x", roomName: "n" })).toEqual({ q: "x", room_name: "n" });
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
