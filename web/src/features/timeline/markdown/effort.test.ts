import { describe, expect, test } from "vitest";
import { isTooMuch } from "./effort";

describe("what would freeze the page", () => {
  test.each([
    ["quotes in quotes", `${">".repeat(200)} a`],
    ["lists in lists of one line", `${"- ".repeat(200)}a`],
    ["numbered lists in one line", `${"1. ".repeat(200)}a`],
    ["lists in lists by indent", Array.from({ length: 60 }, (_, deep) => `${" ".repeat(deep * 2)}- a`).join("\n")],
    ["pictures in pictures", `${"![".repeat(200)}a${"](x)".repeat(200)}`],
    ["brackets", "[".repeat(200)],
    ["strong in strong", "**a ".repeat(600) + " b**".repeat(600)],
    ["strong over lines", "**a\n".repeat(600) + "b**\n".repeat(600)],
    ["strong over lines of quotes", "> **a\n".repeat(600) + "> b**\n".repeat(600)],
    ["strong over what looks like a table", "|**a\n".repeat(600) + "|b**\n".repeat(600)],
    ["strong over numbers that begin no list", "2. **a\n".repeat(600) + "2. b**\n".repeat(600)],
    ["a table of too many cells", `|${"a|".repeat(2_000)}\n|${"-|".repeat(2_000)}`],
    ["what stands behind code", `\`\`\`\na\n\`\`\`\n${"**a ".repeat(600)}${" b**".repeat(600)}`],
  ])("%s", (_, text) => expect(isTooMuch(text)).toBe(true));
});

describe("what people and AIs write", () => {
  test.each([
    ["a paragraph", "Some **strong** words, `code_with_underscores` and [a link](https://example.com)."],
    ["a long list", "- **a** _b_ [c](https://example.com)\n".repeat(800)],
    ["a table", `| a | b |\n|---|---|\n${"| **1** | 2 |\n".repeat(200)}`],
    ["code of anything", `\`\`\`\n${"[[[[[[ >>>>>> ** _ ~ |\n".repeat(400)}\`\`\``],
    ["code that has not ended yet", `\`\`\`py\n${"a_b * c ** d | e\n".repeat(1_200)}`],
    ["a line as long as a message", "x".repeat(32_000)],
    ["a rule", "* * * * * * * * * *"],
    ["a quote of a quote", "> > > said\n> > and\n> done"],
  ])("%s", (_, text) => expect(isTooMuch(text)).toBe(false));
});
