/** Cuts Markdown into blocks that can be painted by themselves: while a text grows, only its last block changes. */

const FENCE =
  /^(?<before>[ \t]*(?:>[ \t]?)*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:>[ \t]?)*)(?<sign>`{3,}(?=[^`]*$)|~{3,})/;
const ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)/;
/** The last line may not have come whole: this may become an item of a list. */
const ITEM_BEGUN = /^ {0,3}\d{1,9}$/;
const INDENTED = /^(?: {2,}|\t)/;
const RULE = /^ {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/;
/** What a definition says holds in the whole text, so such a text is one block. */
const DEFINITION = /^ {0,3}\[[^\]\n]+\]:/m;

interface Fence {
  readonly sign: string;
  /** It stands in a list or quote, and ends with it. */
  readonly isQuoted: boolean;
  readonly isInside: boolean;
}

function opened(line: string, isInList: boolean): Fence | undefined {
  const found = FENCE.exec(line)?.groups;
  const before = found?.before ?? "";
  if (found?.sign === undefined) return undefined;
  // Four blanks before it make it code of itself, but in a list they are its place.
  if (!isInList && /^(?: {4}|\t)/.test(before)) return undefined;
  return {
    sign: found.sign,
    isQuoted: before.includes(">"),
    isInside: /\S/.test(before) || (isInList && before !== ""),
  };
}

function closes(fence: Fence, line: string): boolean {
  const bare = line.replace(/^[ \t>]+/, "").trimEnd();
  const [sign] = fence.sign;
  return bare.length >= fence.sign.length && bare.split("").every((letter) => letter === sign);
}

/** The container of the fence ended on this line, without a closing fence. */
function leaves(fence: Fence, line: string): boolean {
  if (fence.isQuoted) return !/^[ \t]*>/.test(line);
  return fence.isInside && line.trim() !== "" && !/^[ \t]/.test(line);
}

/** Blocks that, joined, are the text. Fences, lists and tables stay whole. */
export function blocksOf(text: string): readonly string[] {
  if (text === "") return [];
  if (DEFINITION.test(text)) return [text];
  const blocks: string[] = [];
  let block = "";
  let fence: Fence | undefined;
  let isList = false;
  let isIndented = false;
  let isAfterBlank = true;
  for (const [line, end, isWhole] of lines(text)) {
    if (fence !== undefined && leaves(fence, line)) fence = undefined;
    if (fence !== undefined) {
      if (closes(fence, line)) fence = undefined;
      block += line + end;
      isAfterBlank = line.trim() === "";
      continue;
    }
    if (line.trim() === "") {
      block += line + end;
      isAfterBlank = true;
      continue;
    }
    const isItem = !RULE.test(line) && (ITEM.test(line) || (!isWhole && ITEM_BEGUN.test(line)));
    if (isAfterBlank) {
      const goesOn = (isList && (isItem || INDENTED.test(line))) || (isIndented && INDENTED.test(line));
      if (!goesOn) {
        if (block.trim() !== "") {
          blocks.push(block);
          block = "";
        }
        isList = isItem;
        isIndented = /^(?: {4}|\t)/.test(line);
      }
    } else if (isItem) {
      isList = true;
    }
    fence = opened(line, isList);
    block += line + end;
    isAfterBlank = false;
  }
  if (block !== "") blocks.push(block);
  return blocks;
}

function* lines(text: string): Generator<readonly [line: string, end: string, isWhole: boolean]> {
  let from = 0;
  while (from < text.length) {
    const to = text.indexOf("\n", from);
    if (to < 0) {
      yield [text.slice(from), "", false];
      return;
    }
    yield [text.slice(from, to), "\n", true];
    from = to + 1;
  }
}
