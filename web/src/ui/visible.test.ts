import { expect, test } from "vitest";
import { exactPieces, visible } from "./visible";

test("characters that turn the reading direction or hide are written out", () => {
  expect(visible("safe\u202egpj.exe")).toBe("safe\\u202egpj.exe");
  expect(visible("a\u200bb\x1b[31mc")).toBe("a\\u200bb\\x1b[31mc");
  expect(visible("tag\u{e0041}")).toBe("tag\\U000e0041");
});

test("plain words of any language stay as they are", () => {
  expect(visible("你好, مرحبا, 👩‍👧 naïve")).toBe("你好, مرحبا, 👩‍👧 naïve");
});

test("lines stay where lines are kept, and nowhere else", () => {
  expect(visible("a\nb\tc\r", true)).toBe("a\nb\tc\\r");
  expect(visible("a\nb")).toBe("a\\nb");
});

test("what is decided about shows even what only looks like a space", () => {
  expect(exactPieces("rm\u00a0-rf x")).toEqual([
    { text: "rm", isWrittenOut: false },
    { text: "\\xa0", isWrittenOut: true },
    { text: "-rf x", isWrittenOut: false },
  ]);
  expect(
    exactPieces("a\u3164b")
      .map((piece) => piece.text)
      .join(""),
  ).toBe("a\\u3164b");
});
