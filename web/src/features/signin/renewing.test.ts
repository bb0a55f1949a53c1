// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { makeSession } from "../../connection/session";
import { Refused } from "../../connection/types";
import type { Me, SessionMade } from "../../protocol/api";
import { disown, keepFor, keptOwner } from "./kept";
import { comeBack, keepRenewed, type RenewingParts } from "./renewing";
import type { SupabaseDoor } from "./supabase";
import { SupabaseRefused } from "./supabaseWords";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const account = (id: string) => ({ id, kind: "human", handle: id, display_name: id, is_operator: false }) as const;
const notAsked = () => Promise.reject(new Error("nobody asks for this here"));

/** A server whose cookie is of one account until one time, and a project that gives tokens for as long as it is told. */
class Town {
  me: string | undefined = "A";
  end = Date.now() + HOUR;
  lasts = HOUR;
  /** What the next questions fail with; undefined: they do not. */
  readonly wrongs: unknown[] = [];
  readonly did: string[] = [];
  token: string | undefined = "token";
  onToken: () => void = () => undefined;

  private answer<T>(what: string, value: () => T): Promise<T> {
    this.did.push(what);
    const wrong = this.wrongs.shift();
    return wrong === undefined ? Promise.resolve(value()) : Promise.reject(wrong);
  }
  private readonly door: SupabaseDoor = {
    byPassword: notAsked,
    sendLink: notAsked,
    addressOf: notAsked,
    byCode: notAsked,
    signOut: notAsked,
    freshToken: () =>
      this.answer("token", () => {
        this.onToken();
        return this.token;
      }),
  };

  get parts(): RenewingParts {
    return {
      session: {
        ...makeSession(),
        whoAmI: () =>
          this.answer("who", (): Me | undefined =>
            this.me === undefined || this.end <= Date.now()
              ? undefined
              : { account: account(this.me), how: "sign_in", expires_at: new Date(this.end).toISOString() },
          ),
        signInBySupabase: () =>
          this.answer("in", (): SessionMade => {
            this.me = "A";
            this.end = Date.now() + this.lasts;
            return { account: account("A"), expires_at: new Date(this.end).toISOString() };
          }),
        signOut: () =>
          this.answer("out", () => {
            this.me = undefined;
          }),
      },
      open: async () => this.door,
      now: Date.now,
      alone: (run) => run(),
    };
  }
  otherPageRenews(): void {
    this.end = Date.now() + HOUR;
  }
  times(what: string): number {
    return this.did.filter((one) => one === what).length;
  }
}

let town: Town;
let stop: () => void = () => undefined;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-11-22T10:00:00Z") });
  localStorage.clear();
  town = new Town();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

function keep(accountId = "A") {
  stop = keepRenewed(town.parts, accountId);
  return vi.advanceTimersByTimeAsync(0);
}

describe("a sign-in by Supabase", () => {
  it("is renewed some minutes before each end, and not before", async () => {
    keepFor("A");
    await keep();
    await vi.advanceTimersByTimeAsync(54 * MINUTE);
    expect(town.times("in")).toBe(0);
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(town.times("in")).toBe(1);
    await vi.advanceTimersByTimeAsync(10 * HOUR);
    expect(town.times("in")).toBeGreaterThanOrEqual(11);
    expect(town.times("in")).toBeLessThanOrEqual(13);
    expect(town.end).toBeGreaterThan(Date.now());
  });
  it("is renewed in time where tokens last two minutes only, and not all the time", async () => {
    keepFor("A");
    town.end = Date.now() + 2 * MINUTE;
    town.lasts = 2 * MINUTE;
    await keep();
    for (let minute = 0; minute < 20; minute++) {
      await vi.advanceTimersByTimeAsync(MINUTE);
      expect(town.end).toBeGreaterThan(Date.now());
    }
    expect(town.times("in")).toBeLessThan(20);
  });
  it("is renewed by one page for all", async () => {
    keepFor("A");
    await keep();
    await vi.advanceTimersByTimeAsync(50 * MINUTE);
    town.otherPageRenews();
    await vi.advanceTimersByTimeAsync(20 * MINUTE);
    expect(town.times("in")).toBe(0);
    await vi.advanceTimersByTimeAsync(40 * MINUTE);
    expect(town.times("in")).toBe(1);
  });
  it("is tried again while something cannot be reached", async () => {
    keepFor("A");
    await keep();
    town.wrongs.push(new Refused("offline", "offline"), undefined, new SupabaseRefused("", "down", true));
    await vi.advanceTimersByTimeAsync(58 * MINUTE);
    expect(town.times("in")).toBe(1);
    expect(town.end).toBeGreaterThan(Date.now() + 30 * MINUTE);
  });
  it("is left to end when Supabase has ended it, and nothing is kept then", async () => {
    keepFor("A");
    await keep();
    town.wrongs.push(undefined, new SupabaseRefused("refresh_token_not_found", "gone", false));
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(town.times("token")).toBe(1);
    expect(town.times("in")).toBe(0);
    expect(keptOwner()).toBeUndefined();
  });
  it("never takes the place of somebody who signed in in another way", async () => {
    keepFor("B");
    await keep("A");
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(town.did).toEqual([]);
    expect(keptOwner()).toBeUndefined();
    keepFor("A");
    town.end = Date.now() + HOUR;
    await keep("A");
    town.me = "C";
    town.end = Date.now() + 9 * HOUR;
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(town.times("in")).toBe(0);
    expect(keptOwner()).toBeUndefined();
  });
  it("is over for good once they have signed out, also while it is being renewed", async () => {
    keepFor("A");
    await keep();
    town.onToken = disown;
    await vi.advanceTimersByTimeAsync(57 * MINUTE);
    expect(town.did.slice(-2)).toEqual(["in", "out"]);
    await vi.advanceTimersByTimeAsync(3 * HOUR);
    expect(town.times("in")).toBe(1);
    expect(town.me).toBeUndefined();
  });
});

describe("who comes back when it is over", () => {
  it("is in again by what Supabase still knows, and by nothing else", async () => {
    expect(await comeBack(town.parts)).toBe(false);
    expect(town.did).toEqual([]);
    keepFor("A");
    town.me = undefined;
    expect(await comeBack(town.parts)).toBe(true);
    expect(town.me).toBe("A");
    town.token = undefined;
    expect(await comeBack(town.parts)).toBe(false);
    expect(keptOwner()).toBeUndefined();
  });
  it("may try another time where the server cannot be reached", async () => {
    keepFor("A");
    town.wrongs.push(undefined, new Refused("offline", "offline"));
    expect(await comeBack(town.parts)).toBe(false);
    expect(keptOwner()).toBe("A");
    town.wrongs.push(undefined, new Refused("forbidden", "disabled", undefined, 403));
    expect(await comeBack(town.parts)).toBe(false);
    expect(keptOwner()).toBeUndefined();
  });
});
