import { expect, test } from "vitest";
import { asShown, lastLines } from "./printing";

test("the last lines of a text, with how many stand before them", () => {
  expect(lastLines("a\nb\nc\n", 2)).toEqual({ text: "b\nc", before: 1 });
  expect(lastLines("a\nb", 2)).toEqual({ text: "a\nb", before: 0 });
  expect(lastLines("", 5)).toEqual({ text: "", before: 0 });
  expect(lastLines("\nb", 1)).toEqual({ text: "b", before: 1 });
});

test.each([
  ["plain\nlines\n", "plain\nlines\n"],
  ["10 %\r55 %\r100 %\ndone", "100 %\ndone"],
  ["downloading\rdone\n", "doneloading\n"],
  ["dos\r\nlines\r\n", "dos\nlines\n"],
  ["\r", ""],
])("%j is shown as %j", (printed, shown) => {
  expect(asShown(printed)).toBe(shown);
});
