/** What a list holds on to while rows grow, come and go: its end, a row that one was led to, or what is being read. */

/** So near to the end counts as at it, for whoever comes down to it. */
const NEAR_END_PX = 60;
/** Less than this is rounding. */
const ROUNDING_PX = 1;
/** For so long after a push the reader's own scrolling may still come. */
const PUSH_MS = 150;
/** For so long a row that one was led to stays where it was put, while what is above it gets its height. */
export const LED_MS = 500;
/** For so long after older rows came the first row in sight keeps its place by our own reckoning. */
export const PREPENDED_MS = 1_000;

export type Align = "start" | "center" | "end" | "nearest";

/** The scrolled box, and where its rows lie in it. Lengths in pixels. */
export interface Scrolled {
  offset(): number;
  size(): number;
  viewport(): number;
  to(offset: number): void;
  row(id: string): { readonly top: number; readonly height: number } | undefined;
  /** The row at an offset. */
  at(offset: number): { readonly id: string; readonly top: number } | undefined;
  nowMs(): number;
}

type Hold =
  | { readonly kind: "end" }
  | { readonly kind: "none" }
  | { readonly kind: "row"; readonly id: string; readonly align: Align; readonly untilMs: number }
  | { readonly kind: "place"; readonly untilMs: number };

export class Holding {
  private hold: Hold = { kind: "end" };
  private offset = 0;
  private size = 0;
  private viewport = 0;
  /** What was at the top when the reader last scrolled, and how far it had gone out of sight. */
  private reading: { readonly id: string; readonly by: number } | undefined;
  private pushedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly box: Scrolled) {}

  /** At the end, or about to be; also who is so near to it that nothing is missed. */
  get isAtEnd(): boolean {
    return this.hold.kind === "end" || this.gap() <= NEAR_END_PX;
  }

  /** Something has another height now, or rows came or went. Answers how long to wait before asking again, if at all. */
  laidOut(): number | undefined {
    const left = this.pushedMs + PUSH_MS - this.box.nowMs();
    // What the reader has just pushed must not be pulled back before it could move.
    if (left > 0 && this.hold.kind === "end") return left;
    this.apply();
    return undefined;
  }

  /** The box is elsewhere: by the reader, by us, or because it was cut to what is in it. */
  scrolled(): void {
    const offset = this.box.offset();
    const moved = offset - this.offset;
    const isLaidOut = this.box.size() !== this.size || this.box.viewport() !== this.viewport;
    // A box whose content changed at the same time moves by itself, too; then only a push tells.
    const isReaders = Math.abs(moved) > ROUNDING_PX && (!isLaidOut || this.isPushed());
    if (isReaders) this.moved(moved);
    else if (this.hold.kind === "none" && this.gap() <= ROUNDING_PX) this.hold = { kind: "end" };
    this.note();
  }

  /** A wheel, a finger or a key that is about to lead upwards. */
  pushed(): void {
    this.pushedMs = this.box.nowMs();
    if (this.hold.kind === "row") this.hold = { kind: "none" };
  }

  toEnd(): void {
    this.pushedMs = Number.NEGATIVE_INFINITY;
    this.hold = { kind: "end" };
    this.apply();
  }

  /** Brings a row into sight; it stays there for a moment, whatever gets its height above it. */
  lead(id: string, align: Align): void {
    const way = align === "nearest" ? this.nearest(id) : align;
    if (way === undefined) return;
    this.hold = { kind: "row", id, align: way, untilMs: this.box.nowMs() + LED_MS };
    this.apply();
  }

  /** Older rows came above. */
  prepended(): void {
    if (this.hold.kind === "end" || this.hold.kind === "row") return;
    this.hold = { kind: "place", untilMs: this.box.nowMs() + PREPENDED_MS };
    this.apply();
  }

  /** The moment is over in which a row or a place was held: who stands at the end follows it from now on. */
  settle(): void {
    if (!("untilMs" in this.hold) || this.box.nowMs() < this.hold.untilMs) return;
    // By what was seen last: what has grown since is below the reader who stood at the end.
    const stood = this.size - this.viewport - this.offset;
    const near = this.hold.kind === "row" ? NEAR_END_PX : ROUNDING_PX;
    this.hold = stood <= near ? { kind: "end" } : { kind: "none" };
  }

  private moved(by: number): void {
    const isNear = this.gap() <= (by > 0 ? NEAR_END_PX : ROUNDING_PX);
    if (isNear) this.hold = { kind: "end" };
    else if (this.hold.kind !== "place") this.hold = { kind: "none" };
  }

  private apply(): void {
    this.settle();
    const target = this.target();
    if (target !== undefined) this.box.to(target);
    if (this.hold.kind !== "place") this.note();
    else this.measure();
  }

  private target(): number | undefined {
    const { hold, box } = this;
    switch (hold.kind) {
      case "none":
        return undefined;
      case "end":
        // More than there is: where heights are fractions only the browser knows the last one.
        return box.size();
      case "row": {
        const row = box.row(hold.id);
        if (row === undefined) return undefined;
        const room = row.height - box.viewport();
        return row.top + (hold.align === "start" ? 0 : hold.align === "end" ? room : room / 2);
      }
      case "place": {
        const row = this.reading === undefined ? undefined : box.row(this.reading.id);
        return row === undefined || this.reading === undefined ? undefined : row.top + this.reading.by;
      }
    }
  }

  private nearest(id: string): Align | undefined {
    const row = this.box.row(id);
    if (row === undefined) return undefined;
    const offset = this.box.offset();
    if (row.top < offset) return "start";
    return row.top + row.height > offset + this.box.viewport() ? "end" : undefined;
  }

  private isPushed(): boolean {
    return this.box.nowMs() - this.pushedMs < PUSH_MS;
  }

  private gap(): number {
    return this.box.size() - this.box.viewport() - this.box.offset();
  }

  private note(): void {
    this.measure();
    const row = this.box.at(this.offset);
    this.reading = row === undefined ? undefined : { id: row.id, by: this.offset - row.top };
  }

  private measure(): void {
    this.offset = this.box.offset();
    this.size = this.box.size();
    this.viewport = this.box.viewport();
  }
}
