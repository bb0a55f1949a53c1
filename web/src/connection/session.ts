/** Signing in and out by cookie, and who is signed in. The CSRF token is remembered here and nowhere else. */

import type { Joined, Me, Preview, SessionMade } from "../protocol/api";
import { fetchOrAsked } from "./asked";
import { alone, type Pages, pagesOfBrowser } from "./pages";
import { makeRest } from "./rest";
import { Refused, type Rest } from "./types";

export interface NewcomersAccount {
  readonly handle: string;
  readonly password: string;
  readonly displayName?: string;
}

export interface Session {
  /** Requests as whoever is signed in. */
  readonly rest: Rest;
  /** undefined: nobody is signed in. Rejects with `Refused` where the server could not say. */
  whoAmI(): Promise<Me | undefined>;
  /** `secret` is that of a one-time link, without the `#`. */
  signInByLink(secret: string): Promise<SessionMade>;
  signInByPassword(handle: string, password: string): Promise<SessionMade>;
  signInBySupabase(token: string): Promise<SessionMade>;
  previewInvite(code: string): Promise<Preview>;
  /** As who is signed in, or with an account that this makes and signs in. */
  acceptInvite(code: string, account?: NewcomersAccount): Promise<Joined>;
  signOut(): Promise<void>;
  /** Hears that another page of this browser has signed in or out. The result ends it. */
  onElsewhere(heard: () => void): () => void;
}

export interface SessionParts {
  readonly fetch?: typeof fetch;
  readonly base?: string;
  readonly pages?: Pages;
}

export function makeSession({ pages = alone, ...parts }: SessionParts = {}): Session {
  let csrf: string | undefined;
  /** Moves with all that may change who is signed in: an answer to an older question counts no more. */
  let round = 0;
  const rest = makeRest({
    ...parts,
    csrf: () => csrf,
    remember: (token) => {
      csrf = token;
    },
  });
  const told = async <T>(made: Promise<T>): Promise<T> => {
    const done = await made;
    round += 1;
    pages.tell();
    return done;
  };
  return {
    rest,
    async whoAmI() {
      round += 1;
      const mine = round;
      try {
        return await rest.call("GET /api/v1/me");
      } catch (error) {
        if (!(error instanceof Refused) || error.status !== 401) throw error;
        if (mine === round) csrf = undefined;
        return undefined;
      }
    },
    signInByLink: (secret) => told(rest.call("POST /api/v1/sessions", { body: { link: secret, cookie: true } })),
    signInByPassword: (handle, password) =>
      told(rest.call("POST /api/v1/sessions", { body: { handle, password, cookie: true } })),
    signInBySupabase: (token) =>
      told(rest.call("POST /api/v1/sessions", { body: { supabase_token: token, cookie: true } })),
    previewInvite: (code) => rest.call("POST /api/v1/invites/preview", { body: { code } }),
    acceptInvite(code, account) {
      if (account === undefined) return rest.call("POST /api/v1/invites/accept", { body: { code } });
      const { handle, password, displayName = "" } = account;
      return told(
        rest.call("POST /api/v1/invites/accept", {
          body: { code, handle, password, display_name: displayName, cookie: true },
        }),
      );
    },
    async signOut() {
      try {
        await rest.call("DELETE /api/v1/sessions/current");
      } catch (error) {
        // Ended already, from here or elsewhere: that is what was wanted.
        if (!(error instanceof Refused) || error.status !== 401) throw error;
      }
      csrf = undefined;
      pages.tell();
    },
    onElsewhere: pages.hear,
  };
}

/** Of this page. */
export const session = makeSession({ pages: pagesOfBrowser(), fetch: fetchOrAsked });
export const { rest, whoAmI, signInByLink, signInByPassword, signInBySupabase, previewInvite, acceptInvite, signOut } =
  session;
