/** A value that changes, and tells when: all that a view needs to follow it. */

export interface Readable<T> {
  get(): T;
  /** `listener` is called after each change; the result ends it. */
  subscribe(listener: () => void): () => void;
}

export class Changing<T> implements Readable<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
}
