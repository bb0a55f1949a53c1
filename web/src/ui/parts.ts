/** Code that is fetched when it is first needed, or when there is nothing else to do: whether it is there, and a way to try again. */

import { needWords, type Pack } from "./i18n";

export type Fetched<T> =
  | { readonly is: "away" }
  | { readonly is: "here"; readonly value: T }
  | { readonly is: "missing"; readonly error: unknown };

export interface Part<T> {
  readonly get: () => Fetched<T>;
  readonly subscribe: (listener: () => void) => () => void;
  /** Never rejects: what came of it is in `get`. After a failure it tries again. */
  readonly load: () => Promise<void>;
  /** The same before anybody wants it: a failure is none yet. */
  readonly prefetch: () => Promise<void>;
}

const AWAY = { is: "away" } as const;
const all: Part<unknown>[] = [];

/** `words`: what it says, which has to be there before it is painted. */
export function part<T>(fetch: () => Promise<T>, words: readonly Pack[] = []): Part<T> {
  let now: Fetched<T> = AWAY;
  let underWay: Promise<void> | undefined;
  let isWanted = false;
  const listeners = new Set<() => void>();
  const become = (next: Fetched<T>) => {
    if (next === now) return;
    now = next;
    for (const listener of [...listeners]) listener();
  };
  const prefetch = () => {
    if (now.is === "here") return Promise.resolve();
    underWay ??= Promise.all([fetch(), needWords(words)])
      .then(
        ([value]) => become({ is: "here", value }),
        (error: unknown) => become(isWanted ? { is: "missing", error } : AWAY),
      )
      .finally(() => {
        underWay = undefined;
        isWanted = false;
      });
    return underWay;
  };
  const made: Part<T> = {
    get: () => now,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    load() {
      isWanted = true;
      if (now.is === "missing") become(AWAY);
      return prefetch();
    },
    prefetch,
  };
  all.push(made);
  return made;
}

/** Fetches one after the other, also what the fetched ones announce; `between` says when to go on, and whether. */
export async function prefetchAll(between: () => Promise<boolean>): Promise<void> {
  for (let place = 0; place < all.length && (await between()); place += 1) await all[place]?.prefetch();
}
