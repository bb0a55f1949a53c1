import { describe, expect, test } from "vitest";
import { blocksOf } from "./blocks";

const SAMPLES = [
  "One line",
  "# Title\n\nText with *words*.\nMore.\n\nAnother 😀 paragraph.\n",
  "- a\n- b\n\n- c\n\n  more of c\n\nafter\n",
  "1. a\n\n2. b\n\n   ```sh\n   echo\n\n   echo\n   ```\n\n3. c\n\nend",
  "```py\nx = 1\n\n\ny = 2\n```\n\nafter",
  "~~~\n```\n\n~~~~\n\nafter ``` this",
  "| a | b |\n|---|---|\n| 1 | 2 |\n\ntext",
  "> quote\n> ```\n> code\n\nafter\n\n> more",
  "    indented\n\n    code\n\ntext",
  "- ```\n  code\n\nout of it\n\nlast",
  "a\n\n---\n\nb\n\n***\n\n- x\n\n* * *\n\ny",
  "[a]: https://example.org\n\nsee [a]\n\nand more",
  "\n\n\n  \n\nleading\n\n\n\nblank lines\n\n\n",
];

const words = [
  "- x",
  "1. y",
  "```",
  "~~~",
  "",
  "",
  "text",
  "  in",
  "    code",
  "> q",
  "| a |",
  "---",
  "😀",
  "`a`",
  "1",
];

/** The same numbers in each run. */
function* numbers(seed: number): Generator<number> {
  let state = seed;
  for (;;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state;
  }
}

function texts(): readonly string[] {
  const random = numbers(7);
  const next = (below: number) => (random.next().value ?? 0) % below;
  return Array.from({ length: 200 }, () =>
    Array.from({ length: 1 + next(12) }, () => words[next(words.length)] ?? "").join("\n"),
  );
}

describe("blocks", () => {
  test("joined, they are the text, for every prefix of every sample", () => {
    for (const text of [...SAMPLES, ...texts()]) {
      for (let end = 0; end <= text.length; end += 1) {
        const prefix = text.slice(0, end);
        expect(blocksOf(prefix).join("")).toBe(prefix);
      }
    }
  });

  test("while a text grows, what stands before its last block stays as it is", () => {
    for (const text of SAMPLES.filter((one) => !one.startsWith("[a]"))) {
      let before: readonly string[] = [];
      for (let end = 1; end <= text.length; end += 1) {
        const now = blocksOf(text.slice(0, end));
        const settled = before.slice(0, -1);
        expect(now.slice(0, settled.length)).toEqual(settled);
        before = now;
      }
    }
  });

  test("paragraphs are blocks of their own", () => {
    expect(blocksOf("a\nb\n\nc\n\n\nd")).toEqual(["a\nb\n\n", "c\n\n\n", "d"]);
  });

  test("a fence is whole, with its blank lines, and nothing in it ends it but its own sign", () => {
    expect(blocksOf("a\n\n```py\nx\n\n~~~\n\n- y\n```\n\nb")).toEqual([
      "a\n\n",
      "```py\nx\n\n~~~\n\n- y\n```\n\n",
      "b",
    ]);
    expect(blocksOf("````\n```\n\n````\n\nb")).toEqual(["````\n```\n\n````\n\n", "b"]);
  });

  test("a fence that is not closed yet takes all that follows", () => {
    expect(blocksOf("a\n\n```\nx\n\n# not a title\n\ny")).toEqual(["a\n\n", "```\nx\n\n# not a title\n\ny"]);
  });

  test("code within a line opens no fence", () => {
    expect(blocksOf("```x```\n\nb")).toEqual(["```x```\n\n", "b"]);
  });

  test("a list is whole, with its loose items and what is indented under them", () => {
    expect(blocksOf("- a\n\n- b\n\n  under b\n\nafter")).toEqual(["- a\n\n- b\n\n  under b\n\n", "after"]);
    expect(blocksOf("1. a\n\n   ```\n   x\n\n   y\n   ```\n\n2. b\n\nc")).toEqual([
      "1. a\n\n   ```\n   x\n\n   y\n   ```\n\n2. b\n\n",
      "c",
    ]);
  });

  test("a fence in a list or quote ends with it", () => {
    expect(blocksOf("- ```\n  code\n\nout\n\nlast")).toEqual(["- ```\n  code\n\n", "out\n\n", "last"]);
    expect(blocksOf("> ```\n> code\n\nout\n\nlast")).toEqual(["> ```\n> code\n\n", "out\n\n", "last"]);
  });

  test("a table is whole", () => {
    expect(blocksOf("| a |\n|---|\n| 1 |\n\nb")).toEqual(["| a |\n|---|\n| 1 |\n\n", "b"]);
  });

  test("a text with definitions is one block, because they hold in all of it", () => {
    expect(blocksOf("see [a]\n\n[a]: https://example.org")).toHaveLength(1);
  });
});
