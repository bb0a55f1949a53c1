/** A text cut into what was searched for and the rest, and a piece of it around the first find. */

export interface Piece {
  readonly text: string;
  readonly isFind: boolean;
  /** Where it begins in the text: what tells one piece from another. */
  readonly at: number;
}

/** Every word of `words`, in any case, wherever it stands. */
export function marked(text: string, words: string): readonly Piece[] {
  const wanted = words
    .split(/\s+/)
    .filter((word) => word !== "")
    // The longer first, so that "deployment" is not marked as "deploy" and a rest.
    .sort((one, other) => other.length - one.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  if (wanted.length === 0) return text === "" ? [] : [{ text, isFind: false, at: 0 }];
  const pieces: Piece[] = [];
  let at = 0;
  for (const found of text.matchAll(new RegExp(wanted.join("|"), "giu"))) {
    if (found.index > at) pieces.push({ text: text.slice(at, found.index), isFind: false, at });
    pieces.push({ text: found[0], isFind: true, at: found.index });
    at = found.index + found[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), isFind: false, at });
  return pieces;
}

export const isFound = (text: string, words: string) => marked(text, words).some((piece) => piece.isFind);

const BEFORE = 60;

/** One line of at most `length` signs, so that the first find is in it; … says that there is more. */
export function excerpt(text: string, words: string, length: number = 280): string {
  const line = text.replace(/\s+/g, " ").trim();
  const first = marked(line, words).find((piece) => piece.isFind)?.at ?? 0;
  // Not in the middle of a word, where words are apart.
  const near = first - BEFORE;
  const from = first > length - BEFORE ? Math.min(first, near + line.slice(near, first).search(/ |$/)) : 0;
  const rest = line.slice(from).trimStart();
  const cut = [...rest].slice(0, length).join("");
  return `${from > 0 ? "…" : ""}${cut}${cut.length < rest.length ? "…" : ""}`;
}
