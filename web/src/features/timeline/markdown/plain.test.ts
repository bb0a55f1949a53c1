import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { plainWords } from "./plain";
import { readMarkdown } from "./reading";

/** What is said in rooms, and what is close to being Markdown. */
const PIECES = [
  ..."abz Aé猫。，：（）",
  ..." \n.,:;?!'\"()-–—0123456789%$…",
  " ",
  "\n",
  "1.",
  "2) ",
  "- ",
  "---",
  "www.",
  "a.b",
  "http:",
  "mailto:x",
  ": ",
  "(c)",
  "...",
];

function random(seed: number): (below: number) => number {
  let at = seed;
  return (below) => {
    at = (at * 48_271) % 2_147_483_647;
    return at % below;
  };
}

describe("words in which nothing can be Markdown", () => {
  it("are what Markdown makes of them", () => {
    const next = random(7);
    let plain = 0;
    for (let time = 0; time < 4_000; time++) {
      const text = Array.from({ length: 1 + next(14) }, () => PIECES[next(PIECES.length)]).join("");
      const words = plainWords(text);
      if (words === undefined) continue;
      plain += 1;
      const escaped = words.replaceAll('"', "&quot;").replaceAll("'", "&#x27;");
      expect(renderToStaticMarkup(readMarkdown(text, false, {})), JSON.stringify(text)).toBe(`<p>${escaped}</p>`);
    }
    expect(plain).toBeGreaterThan(500);
  });

  it.each([
    "Nice, that works. Shall we ship it today?",
    "好的，我马上看一下。",
    "First line\nand a second one",
    "It cost 12.5% more (again) - see you at 14:30!",
  ])("are the usual ones: %s", (text) => {
    expect(plainWords(text)).toBe(text);
  });

  it.each([
    "@mei",
    "*a*",
    "_a_",
    "`a`",
    "# a",
    "> a",
    "- a",
    "1. a",
    "a  \nb",
    "    a",
    "a\n---",
    "a\n\nb",
    "<b>",
    "a|b",
  ])("are not: %j", (text) => {
    expect(plainWords(text)).toBeUndefined();
  });
});
