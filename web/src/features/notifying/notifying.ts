/** Says on the desktop that something waits for the reader in a room, while they look at no page of this account. */

import { makeKey } from "../../connection/keys";
import { pageLocks } from "../../connection/locks";
import type { RoomEntry } from "../../connection/types";
import type { Readable } from "../../room/readable";
import { i18n } from "../../ui/i18n";
import { visible } from "../../ui/visible";
import { shownName } from "../rooms/order";
import { waitingFor } from "../rooms/waiting";

type Rooms = ReadonlyMap<string, RoomEntry>;

export interface NotifyingParts {
  readonly accountId: string;
  readonly myName: string;
  readonly rooms: Readable<Rooms | undefined>;
  readonly muted: Readable<ReadonlySet<string>>;
  readonly go: (roomId: string) => void;
  /** The browser takes none from a page after all. */
  readonly onRefused: () => void;
}

/** Rooms in which more waits for the reader than before. What was there when the list came is no news. */
export function risen(before: Rooms | undefined, now: Rooms | undefined, muted: ReadonlySet<string>): RoomEntry[] {
  if (before === undefined || now === undefined) return [];
  return [...now.values()].filter((entry) => {
    const known = before.get(entry.id);
    return waitingFor(entry, muted) > (known === undefined ? 0 : waitingFor(known, muted));
  });
}

/** Goes on until the result is called. */
export function startNotifying(parts: NotifyingParts): () => void {
  const { rooms, muted, accountId } = parts;
  const ended = new AbortController();
  const { signal } = ended;
  const shown = new Map<string, Notification>();
  const lookedAt = `multiplayer-looked-at-${accountId}-`;
  let before = rooms.get();
  let isTeller = false;

  // Of all pages one tells; when it is closed the next one does.
  void held(`multiplayer-notifies-${accountId}`, signal, () => {
    isTeller = true;
  });
  let looking: AbortController | undefined;
  const look = () => {
    if (document.hidden) {
      looking?.abort();
      looking = undefined;
    } else if (looking === undefined) {
      looking = new AbortController();
      void held(lookedAt + makeKey(), looking.signal);
    }
  };

  const tell = async (roomId: string) => {
    if (await isHeld(lookedAt)) return;
    const entry = rooms.get()?.get(roomId);
    const count = entry === undefined ? 0 : waitingFor(entry, muted.get());
    // It may have been read meanwhile, here or elsewhere.
    if (signal.aborted || !document.hidden || entry === undefined || count === 0) return;
    const words = entry.kind === "direct" ? "notifying.direct" : "notifying.mentioned";
    try {
      const note = new Notification(visible(shownName(entry, parts.myName)), {
        body: i18n.t(words, { count }),
        tag: roomId,
        silent: false,
        icon: "/icon-192.png",
      });
      shown.set(roomId, note);
      note.onclick = () => {
        window.focus();
        parts.go(roomId);
        note.close();
      };
    } catch {
      parts.onRefused();
    }
  };
  const changed = () => {
    const now = rooms.get();
    for (const [roomId, note] of shown) {
      const entry = now?.get(roomId);
      if (entry !== undefined && waitingFor(entry, muted.get()) > 0) continue;
      note.close();
      shown.delete(roomId);
    }
    const news = risen(before, now, muted.get());
    before = now ?? before;
    if (!isTeller || !document.hidden || Notification.permission !== "granted") return;
    for (const entry of news) void tell(entry.id);
  };
  const closeAll = () => {
    for (const note of shown.values()) note.close();
    shown.clear();
  };

  look();
  const ends = [rooms.subscribe(changed), muted.subscribe(changed)];
  document.addEventListener("visibilitychange", look, { signal });
  window.addEventListener("pagehide", closeAll, { signal });
  return () => {
    ended.abort();
    looking?.abort();
    for (const end of ends) end();
    closeAll();
  };
}

/** Holds the lock of this name until `signal` says so. */
function held(name: string, signal: AbortSignal, onHeld: () => void = () => {}): Promise<void> {
  const untilEnd = () =>
    new Promise<void>((done) => {
      if (signal.aborted) done();
      else {
        signal.addEventListener("abort", () => done(), { once: true });
        onHeld();
      }
    });
  // Ended while it waited for its turn.
  return pageLocks()(name, untilEnd, signal).catch(() => undefined);
}

/** Some page of this browser holds a lock whose name begins so. */
async function isHeld(prefix: string): Promise<boolean> {
  const state = await navigator.locks?.query();
  return state?.held?.some(({ name }) => name?.startsWith(prefix)) ?? false;
}
