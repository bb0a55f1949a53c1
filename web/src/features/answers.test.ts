/** Refusals are said in the language of the page; the server's own sentences are English. */

import { afterEach, describe, expect, test } from "vitest";
import { refusalCodes } from "../connection/refusals";
import { Refused } from "../connection/types";
import { show } from "../ui/i18n";
import { common as zh } from "../ui/i18n/zh/common";
import { hasWords, sentenceOf, wordsOf } from "./answers";

afterEach(() => show("en"));

describe("what the server refuses", () => {
  test("every code has words of its own in both languages", () => {
    expect(refusalCodes.length).toBeGreaterThan(10);
    expect(refusalCodes.filter((code) => !hasWords(code))).toEqual([]);
    const words: Readonly<Record<string, string>> = zh.refusals;
    expect(refusalCodes.filter((code) => !/\p{Script=Han}/u.test(words[code] ?? ""))).toEqual([]);
  });

  test("in English the server's sentence stands as it is", () => {
    expect(sentenceOf(new Refused("forbidden", "as guest of this room you may not post"))).toBe(
      "As guest of this room you may not post",
    );
  });

  test("in Chinese the words of its code do, without the English", async () => {
    await show("zh");
    expect(sentenceOf(new Refused("forbidden", "as guest of this room you may not post"))).toBe(zh.refusals.forbidden);
    expect(sentenceOf(new Refused("offline", "The server cannot be reached."))).toBe(zh.offline);
  });

  test("in Chinese a code of many reasons keeps the sentence that tells which", async () => {
    await show("zh");
    expect(sentenceOf(new Refused("conflict", "this name is taken"))).toBe(
      `${zh.refusals.conflict}（This name is taken）`,
    );
  });

  test("a code that nobody knows yet keeps the server's sentence", async () => {
    await show("zh");
    expect(wordsOf("brand_new", "something else is the matter")).toBe("Something else is the matter");
  });
});
