/** Tells the server how far a room is read: the furthest place of what came within a moment. */

const MOMENT_MS = 400;

export class ReadMarks {
  private wanted = 0;
  private told = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `tell` rejects where it did not get through. */
  constructor(private readonly tell: (seq: number) => Promise<unknown>) {}

  mark(seq: number): void {
    if (seq <= this.wanted) return;
    this.wanted = seq;
    this.timer ??= setTimeout(() => void this.flush(), MOMENT_MS);
  }

  /** There is a connection again. */
  again(): void {
    if (this.wanted > this.told) this.timer ??= setTimeout(() => void this.flush(), MOMENT_MS);
  }

  /** Tells at once what waits. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { wanted, told } = this;
    if (wanted <= told) return;
    this.told = wanted;
    try {
      await this.tell(wanted);
    } catch {
      // The next mark, or the next connection, tells it again.
      this.told = Math.min(this.told, told);
    }
  }

  close(): void {
    clearTimeout(this.timer);
  }
}
