/** What a running tool prints, piece by numbered piece; the last of it, if it is much. */

import type { Output } from "./state";

/** Of more, the beginning goes. */
const MOST_CHARACTERS = 200 * 1024;
/** Stands where pieces are missing in the middle. */
const MISSING = "\n…\n";

interface Piece {
  readonly index: number;
  readonly text: string;
}

export class Printed {
  private pieces: Piece[] = [];
  private characters = 0;

  /** Takes a piece wherever it belongs; one that was here is left out. */
  add(index: number, text: string): void {
    let place = this.pieces.length;
    while (place > 0 && (this.pieces[place - 1]?.index ?? -1) > index) place--;
    if (this.pieces[place - 1]?.index === index) return;
    this.pieces.splice(place, 0, { index, text });
    this.characters += text.length;
    this.cut();
  }

  get output(): Output {
    let text = "";
    let next = this.pieces[0]?.index ?? 0;
    let skipped = next > 0;
    for (const piece of this.pieces) {
      if (piece.index !== next) {
        skipped = true;
        text += MISSING;
      }
      text += piece.text;
      next = piece.index + 1;
    }
    return {
      text: text.length > MOST_CHARACTERS ? lastOf(text) : text,
      skipped: skipped || text.length > MOST_CHARACTERS,
    };
  }

  private cut(): void {
    let gone = 0;
    let first = this.pieces[0];
    while (first !== undefined && this.characters - first.text.length >= MOST_CHARACTERS) {
      this.characters -= first.text.length;
      first = this.pieces[++gone];
    }
    if (gone > 0) this.pieces.splice(0, gone);
  }
}

/** The end of `text`, from the start of a line on if there is one near. */
export function lastOf(text: string, most = MOST_CHARACTERS): string {
  if (text.length <= most) return text;
  const end = text.slice(-most);
  const line = end.indexOf("\n");
  if (line >= 0 && line < 1_000) return end.slice(line + 1);
  // Not from the middle of a code point on.
  return /^[\uDC00-\uDFFF]/.test(end) ? end.slice(1) : end;
}
