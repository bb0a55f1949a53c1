/** Tells the room that somebody types: now and then while they do, and once when they have stopped. */

const AGAIN_MS = 3_000;
const STOPPED_MS = 5_000;

export class Typing {
  private toldAt: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `tell` goes nowhere where there is no connection; nobody misses it. */
  constructor(
    private readonly tell: (isTyping: boolean) => void,
    private readonly now: () => number,
  ) {}

  set(isTyping: boolean): void {
    clearTimeout(this.timer);
    if (!isTyping) {
      if (this.toldAt !== undefined) this.tell(false);
      this.toldAt = undefined;
      return;
    }
    const now = this.now();
    if (this.toldAt === undefined || now - this.toldAt >= AGAIN_MS) {
      this.toldAt = now;
      this.tell(true);
    }
    this.timer = setTimeout(() => this.set(false), STOPPED_MS);
  }

  /** A message was sent: with it the room knows that it is written. */
  sent(): void {
    clearTimeout(this.timer);
    this.toldAt = undefined;
  }
}
