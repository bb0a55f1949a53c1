/** A sign-in by Supabase ends with its token: before that, a fresh token gets a fresh sign-in, once for all pages of the browser. */

import type { Session } from "../../connection/session";
import { Refused } from "../../connection/types";
import { onWake } from "../../connection/wake";
import { forgetKept, keptOwner, SESSION_KEY } from "./kept";
import type { SupabaseDoor } from "./supabase";
import { SupabaseRefused } from "./supabaseWords";
import { openDoor, supabaseWay } from "./ways";

/** So long before its end a sign-in is renewed, where it lasts some time at all. */
const EARLY_MS = 5 * 60_000;
const AGAIN_MS = 30_000;
const LONGEST_WAIT_MS = 24 * 3_600_000;
/** How long saying goodbye to Supabase may take. */
const GOODBYE_MS = 5_000;

export interface RenewingParts {
  readonly session: Session;
  /** undefined: the server has no Supabase any more. */
  readonly open: () => Promise<SupabaseDoor | undefined>;
  readonly now: () => number;
  /** Runs in one page of the browser at a time. */
  readonly alone: <T>(run: () => Promise<T>) => Promise<T>;
}

/** Keeps the account signed in for as long as the page is open, if its sign-in came from Supabase. The result ends it. */
export function keepRenewed(parts: RenewingParts, accountId: string): () => void {
  const owner = keptOwner();
  if (owner !== accountId) {
    // Somebody else has signed in here since, in another way.
    if (owner !== undefined) forgetKept();
    return () => undefined;
  }
  const keeper = new Keeper(parts, accountId);
  keeper.start();
  return () => keeper.stop();
}

class Keeper {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isOver = false;
  private isAtIt = false;
  private dueAt = 0;
  /** Of the sign-in that is in force, as far as it is known here. */
  private end: number | undefined;
  private readonly ends: (() => void)[] = [];

  constructor(
    private readonly parts: RenewingParts,
    private readonly accountId: string,
  ) {}

  start(): void {
    const wake = () => {
      if (this.parts.now() >= this.dueAt) void this.renew();
    };
    this.ends.push(onWake(wake, () => undefined));
    void this.renew();
  }

  stop(): void {
    this.isOver = true;
    clearTimeout(this.timer);
    for (const end of this.ends.splice(0)) end();
  }

  private async renew(): Promise<void> {
    if (this.isOver || this.isAtIt) return;
    this.isAtIt = true;
    clearTimeout(this.timer);
    try {
      const end = await this.parts.alone(() => this.once());
      if (end === undefined) return this.stop();
      const left = end - this.parts.now();
      this.end = end;
      this.wait(left - Math.min(EARLY_MS, left / 3));
    } catch (error) {
      if (isPassing(error)) return this.wait(AGAIN_MS);
      // It ends at its time, and whoever it is signs in again.
      this.stop();
    } finally {
      this.isAtIt = false;
    }
  }

  private wait(ms: number): void {
    if (this.isOver) return;
    const bounded = Math.min(LONGEST_WAIT_MS, Math.max(1_000, ms));
    this.dueAt = this.parts.now() + bounded;
    this.timer = setTimeout(() => void this.renew(), bounded);
  }

  /** Returns when the sign-in ends now; undefined: there is nothing to be renewed. */
  private async once(): Promise<number | undefined> {
    if (this.isOver || keptOwner() !== this.accountId) return undefined;
    const me = await this.parts.session.whoAmI();
    if (me !== undefined && me.account.id !== this.accountId) {
      forgetKept();
      return undefined;
    }
    const end = Date.parse(me?.expires_at ?? "");
    const isRenewed = this.end === undefined ? end - this.parts.now() > EARLY_MS : end > this.end + 1_000;
    if (isRenewed) return end;
    return renewOnce(this.parts);
  }
}

/** Signs in anew with a fresh token. Returns the end of that; undefined: Supabase knows nobody here any more. */
async function renewOnce({ session, open }: RenewingParts): Promise<number | undefined> {
  const owner = keptOwner();
  const door = await open();
  let token: string | undefined;
  try {
    token = await door?.freshToken(EARLY_MS);
  } catch (error) {
    if (isPassing(error)) throw error;
  }
  if (token === undefined) {
    forgetKept();
    return undefined;
  }
  const made = await session.signInBySupabase(token);
  if (keptOwner() !== owner || made.account.id !== owner) {
    // They have signed out meanwhile: that was the last word.
    await session.signOut();
    forgetKept();
    return undefined;
  }
  return Date.parse(made.expires_at);
}

/** For whoever comes back when their sign-in is over: true if they are in again. */
export async function comeBack(parts: RenewingParts): Promise<boolean> {
  if (keptOwner() === undefined) return false;
  try {
    return (await parts.alone(() => renewOnce(parts))) !== undefined;
  } catch (error) {
    if (!isPassing(error)) forgetKept();
    return false;
  }
}

/** Signs out at Supabase, too, for whoever was disowned here already. */
export async function leaveSupabase(open: RenewingParts["open"]): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, GOODBYE_MS));
  const goodbye = open()
    .then((door) => door?.signOut())
    // The server's own sign-in is over; that token ends by itself.
    .catch(() => undefined);
  await Promise.race([goodbye, late]);
  forgetKept();
}

function isPassing(error: unknown): boolean {
  if (error instanceof SupabaseRefused) return error.isPassing;
  // Ours: offline, busy, or at its limits; but not that nobody is let in with it.
  return error instanceof Refused && error.status !== 401 && error.status !== 403;
}

export function pageRenewing(session: Session): RenewingParts {
  return {
    session,
    open: async () => {
      const way = await supabaseWay(session);
      return way === undefined ? undefined : openDoor(way);
    },
    now: Date.now,
    alone: (run) => (navigator.locks === undefined ? run() : navigator.locks.request(SESSION_KEY, run)),
  };
}
