/** How much work a block of Markdown would be: one that nests too deep would freeze the page of everybody who reads it. */

const MOST_CONTAINERS = 32;
const MOST_INDENT = 80;
const MOST_OPEN_BRACKETS = 32;
/** Signs of emphasis in one paragraph: each that closes looks back over those that are open. */
const MOST_SIGNS = 1_000;
const MOST_CELLS = 3_000;

const CONTAINERS = /^(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)]))+/;
const CONTAINER = />|[-*+]|\d+[.)]/g;
/** These begin something new wherever they stand. */
const BEGINS_ANEW = /^ {0,3}(?:#{1,6}[ \t]|[-*+][ \t]+\S)/;
const FENCE = /^ {0,3}(?<sign>`{3,}(?=[^`]*$)|~{3,})/;

/** It is to be painted as it was written. */
export function isTooMuch(block: string): boolean {
  let signs = 0;
  let brackets = 0;
  let cells = 0;
  for (const line of withoutCode(block)) {
    if (line.trim() === "" || BEGINS_ANEW.test(line)) {
      signs = 0;
      brackets = 0;
    }
    if (containersOf(line) > MOST_CONTAINERS || line.length - line.trimStart().length > MOST_INDENT) return true;
    let before = "";
    for (const letter of line) {
      if ("*_~".includes(letter) && letter !== before) signs += 1;
      else if (letter === "|") cells += 1;
      else if (letter === "[" && before !== "\\") brackets += 1;
      else if (letter === "]" && before !== "\\") brackets = Math.max(0, brackets - 1);
      if (brackets > MOST_OPEN_BRACKETS) return true;
      before = before === "\\" && letter === "\\" ? "" : letter;
    }
    if (signs > MOST_SIGNS || cells > MOST_CELLS) return true;
  }
  return false;
}

function containersOf(line: string): number {
  return CONTAINERS.exec(line)?.[0].match(CONTAINER)?.length ?? 0;
}

/** Without the lines of a block of code that it begins with; any other may be none, and is counted. */
function withoutCode(block: string): readonly string[] {
  const lines = block.split("\n");
  const sign = FENCE.exec(lines[0] ?? "")?.groups?.sign;
  if (sign === undefined) return lines;
  const end = lines.findIndex((line, place) => place > 0 && line.trim().startsWith(sign));
  return end < 0 ? [] : lines.slice(end + 1);
}
