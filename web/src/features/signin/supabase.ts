/** Signing in at a Supabase project, by its own library: loaded only where a project is set and somebody uses it. */

import { AuthClient, isAuthRetryableFetchError } from "@supabase/auth-js";
import type { SupabaseWay } from "../../protocol/api";
import { SESSION_KEY } from "./kept";
import { SupabaseRefused } from "./supabaseWords";

/** Each gives the access token that our server takes, or rejects with `SupabaseRefused`. */
export interface SupabaseDoor {
  byPassword(email: string, password: string): Promise<string>;
  /** Sends a one-time link, which leads back with a code. */
  sendLink(email: string): Promise<void>;
  /** The address at which the provider asks, and which leads back with a code. */
  addressOf(provider: string): Promise<string>;
  /** Only in the browser that asked for the code: it keeps what proves that. */
  byCode(code: string): Promise<string>;
  /** Of the session that is kept, good for so long at least; undefined: there is none any more. */
  freshToken(forMs: number): Promise<string | undefined>;
  /** Here and nowhere else. */
  signOut(): Promise<void>;
}

const doors = new Map<string, SupabaseDoor>();

/** One for each project: the library shares what it keeps between pages, not within one. */
export function openSupabase(way: SupabaseWay): SupabaseDoor {
  const door = doors.get(way.url) ?? new Door(way);
  doors.set(way.url, door);
  return door;
}

type Failure = {
  readonly message: string;
  readonly code?: string | undefined;
  readonly status?: number | undefined;
} | null;

class Door implements SupabaseDoor {
  private readonly auth: InstanceType<typeof AuthClient>;

  constructor(way: SupabaseWay) {
    this.auth = new AuthClient({
      url: `${way.url}/auth/v1`,
      headers: { apikey: way.anon_key },
      storageKey: SESSION_KEY,
      persistSession: true,
      // When to renew depends on our own sign-in, and what stands in the address is read by `secret.ts`.
      autoRefreshToken: false,
      detectSessionInUrl: false,
      flowType: "pkce",
    });
  }

  async byPassword(email: string, password: string): Promise<string> {
    const { data, error } = await this.auth.signInWithPassword({ email, password });
    return tokenIn(data, error);
  }

  async sendLink(email: string): Promise<void> {
    const { error } = await this.auth.signInWithOtp({ email, options: { emailRedirectTo: backTo() } });
    check(error);
  }

  async addressOf(provider: string): Promise<string> {
    const options = { redirectTo: backTo(), skipBrowserRedirect: true };
    // Which providers there are is the project's matter, and newer than any list of ours.
    const asked = { provider, options } as Parameters<typeof this.auth.signInWithOAuth>[0];
    const { data, error } = await this.auth.signInWithOAuth(asked);
    check(error);
    if (data.url === null || !/^https?:/.test(data.url)) throw new SupabaseRefused("", "", false);
    return data.url;
  }

  async byCode(code: string): Promise<string> {
    const { data, error } = await this.auth.exchangeCodeForSession(code);
    return tokenIn(data, error);
  }

  async freshToken(forMs: number): Promise<string | undefined> {
    const kept = await this.auth.getSession();
    check(kept.error);
    const { session } = kept.data;
    if (session === null) return undefined;
    if ((session.expires_at ?? 0) * 1_000 - Date.now() > forMs) return session.access_token;
    const { data, error } = await this.auth.refreshSession();
    return tokenIn(data, error);
  }

  async signOut(): Promise<void> {
    const { error } = await this.auth.signOut({ scope: "local" });
    check(error);
  }
}

const backTo = () => `${window.location.origin}/sign-in`;

function check(error: Failure): void {
  if (error === null) return;
  const { code = "", message, status = 0 } = error;
  throw new SupabaseRefused(code, message, isAuthRetryableFetchError(error) || status === 429 || status >= 500);
}

function tokenIn(data: { readonly session: { readonly access_token: string } | null }, error: Failure): string {
  check(error);
  if (data.session === null) throw new SupabaseRefused("", "", false);
  return data.session.access_token;
}
