/** Text of others as it is: characters that hide, steer or turn the reading direction are written out, like \u202e. */

/** Needed to write Persian, Hindi and many emoji; they cannot reorder or hide anything. */
const JOINERS = "\u200c\u200d";
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** Also what only looks like a space: two commands can differ in it alone. */
const NOT_PLAIN = /[\p{C}\p{Z}]|\u034f|[\u115f\u1160]|[\u17b4\u17b5]|\u2800|\u3164|\uffa0|\p{Variation_Selector}/u;

/** As it is written in most languages' strings. */
export function writtenOut(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  if (point === 9) return "\\t";
  if (point === 10) return "\\n";
  if (point === 13) return "\\r";
  if (point < 0x100) return `\\x${point.toString(16).padStart(2, "0")}`;
  return point < 0x10000 ? `\\u${point.toString(16).padStart(4, "0")}` : `\\U${point.toString(16).padStart(8, "0")}`;
}

/** For names, addresses and what tools print; `keepsLines` leaves line ends and tabs. */
export function visible(text: string, keepsLines = false): string {
  if (!HIDDEN.test(text)) return text;
  let shown = "";
  for (const character of text) {
    const isKept = JOINERS.includes(character) || (keepsLines && (character === "\n" || character === "\t"));
    shown += isKept || !HIDDEN.test(character) ? character : writtenOut(character);
  }
  return shown;
}

export interface Piece {
  readonly text: string;
  readonly isWrittenOut: boolean;
}

/** A line in pieces, for what somebody decides about: nothing that is not plainly seen stays as it is. */
export function exactPieces(line: string): readonly Piece[] {
  const pieces: { text: string; isWrittenOut: boolean }[] = [];
  for (const character of line) {
    const isWrittenOut = character !== " " && NOT_PLAIN.test(character);
    const text = isWrittenOut ? writtenOut(character) : character;
    const last = pieces.at(-1);
    if (last !== undefined && last.isWrittenOut === isWrittenOut) last.text += text;
    else pieces.push({ text, isWrittenOut });
  }
  return pieces;
}
