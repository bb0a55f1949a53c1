/** What a page notes of a message before it is kept: at once, so that nothing is lost where the page is left in between. */

import type { Pending } from "../room/state";
import type { Notes } from "./keeping";

export function notesOfBrowser(accountId: string): Notes {
  const prefix = `multiplayer.note ${accountId} `;
  return {
    all: () =>
      tried(() =>
        Object.keys(localStorage)
          .filter((name) => name.startsWith(prefix))
          .flatMap((name) => read(localStorage.getItem(name)))
          .sort((one, other) => one.at.localeCompare(other.at)),
      ) ?? [],
    write: (item) => tried(() => localStorage.setItem(prefix + item.key, JSON.stringify(item))),
    drop: (key) => tried(() => localStorage.removeItem(prefix + key)),
  };
}

function read(text: string | null): readonly Pending[] {
  const item: Pending | undefined = text === null ? undefined : tried(() => JSON.parse(text));
  return item === undefined ? [] : [item];
}

/** A private window may refuse to keep anything, and a full one a long text: then it is kept a moment later, or not. */
function tried<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
