/** A turn's text as its pieces come in: in order, late, twice, or replaced as a whole. */

import type { Card } from "../protocol/wire";

const MOST_HELD = 10_000;

/** Offsets count Unicode code points, of which JavaScript's strings may need two units for one. */
export class RunningText {
  private held = new Map<number, string>();
  private points: number;

  constructor(
    private words = "",
    private found: readonly Card[] = [],
  ) {
    this.points = pointsOf(words);
  }

  get text(): string {
    return this.words;
  }

  get cards(): readonly Card[] {
    return this.found;
  }

  /** Takes all that was said so far; pieces that were ahead of it are joined where they still fit. */
  replace(text: string, cards: readonly Card[]): void {
    this.words = text;
    this.points = pointsOf(text);
    this.found = cards;
    this.joinHeld();
  }

  add(offset: number, piece: string): void {
    if (offset > this.points) {
      // The piece between is late or lost; what is lost comes back with the next whole text.
      if (this.held.size < MOST_HELD) this.held.set(offset, piece);
      return;
    }
    this.put(offset, piece);
    this.joinHeld();
  }

  /** Takes further cards; after a gap they come back with the next whole text, and with the message at the end. */
  addCards(offset: number, cards: readonly Card[]): void {
    if (offset <= this.found.length) this.found = [...this.found.slice(0, offset), ...cards];
  }

  private put(offset: number, piece: string): void {
    // The text only grows, so what overlaps is the same text.
    const more = offset === this.points ? piece : withoutPoints(piece, this.points - offset);
    this.words += more;
    this.points += pointsOf(more);
  }

  private joinHeld(): void {
    if (this.held.size === 0) return;
    for (const [offset, piece] of [...this.held].sort(([one], [other]) => one - other)) {
      if (offset > this.points) return;
      this.held.delete(offset);
      this.put(offset, piece);
    }
  }
}

function pointsOf(text: string): number {
  let points = 0;
  for (const _ of text) points++;
  return points;
}

/** `text` without its first `count` code points. */
function withoutPoints(text: string, count: number): string {
  let units = 0;
  let left = count;
  for (const point of text) {
    if (left === 0) break;
    units += point.length;
    left--;
  }
  return text.slice(units);
}
