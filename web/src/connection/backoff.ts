/** How long to wait before the next try: longer each time, never the same for everyone. */

export class Backoff {
  private tries = 0;

  /** `random` gives a number from 0 up to 1. */
  constructor(
    private readonly random: () => number,
    private readonly firstMs = 500,
    private readonly mostMs = 30_000,
  ) {}

  /** Between half and the whole of a doubling span, beside what the server asked for. */
  nextMs(atLeastMs = 0): number {
    const spanMs = Math.min(this.mostMs, this.firstMs * 2 ** this.tries);
    // The exponent is bounded: 2 to a large number is no finite number.
    this.tries = Math.min(this.tries + 1, 16);
    return atLeastMs + spanMs * (0.5 + this.random() / 2);
  }

  reset(): void {
    this.tries = 0;
  }
}
