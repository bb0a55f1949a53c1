/** Where messages on their way are kept over a reload: one list an account, which several pages change in turn. */

import type { Pending } from "../room/state";
import type { Locks } from "./locks";

export interface Store {
  load(): Promise<readonly Pending[]>;
  save(items: readonly Pending[]): Promise<void>;
  /** Written before it returns: `save` takes a while, and a page may be left in it. */
  readonly notes?: Notes;
}

export interface Notes {
  all(): readonly Pending[];
  write(item: Pending): void;
  drop(key: string): void;
}

export interface Kept {
  readonly items: readonly Pending[];
  /** Whether it was kept once: if it is not now, another page has sent or discarded it. */
  knew(key: string): boolean;
}

export class Keeping {
  private readonly known = new Set<string>();
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly locks: Locks,
    private readonly accountId: string,
  ) {}

  async read(): Promise<Kept> {
    let items: readonly Pending[] | undefined;
    await this.inTurn(async () => {
      const stored = await this.store.load();
      // What a page noted and did not come to keep before it was left.
      const noted = this.store.notes?.all() ?? [];
      const lost = noted.filter((note) => !stored.some((one) => one.key === note.key));
      items = [...stored, ...lost];
      if (lost.length > 0) await this.store.save(items);
      for (const { key } of noted) this.store.notes?.drop(key);
    });
    if (items === undefined) return { items: [], knew: () => false };
    const known = new Set(this.known);
    for (const one of items) this.known.add(one.key);
    return { items, knew: (key) => known.has(key) };
  }

  put(item: Pending): void {
    this.store.notes?.write(item);
    void this.change((items) => {
      const place = items.findIndex((one) => one.key === item.key);
      return place < 0 ? [...items, item] : items.with(place, item);
    }).then((isKept) => {
      if (!isKept) return;
      this.known.add(item.key);
      this.store.notes?.drop(item.key);
    });
  }

  remove(key: string): void {
    this.store.notes?.drop(key);
    void this.change((items) => items.filter((one) => one.key !== key));
  }

  /** Resolves when the item was written down, or could not be: then it is sent all the same. */
  async kept(key: string): Promise<void> {
    if (!this.known.has(key)) await this.last;
  }

  private async change(how: (items: readonly Pending[]) => readonly Pending[]): Promise<boolean> {
    return this.inTurn(async () => {
      await this.store.save(how(await this.store.load()));
    });
  }

  /** False: the store does not work, as in some private windows. */
  private inTurn(run: () => Promise<void>): Promise<boolean> {
    const done = this.last
      .then(() => this.locks(`multiplayer-keeps-${this.accountId}`, run))
      .then(
        () => true,
        () => false,
      );
    this.last = done.then(() => undefined);
    return done;
  }
}
