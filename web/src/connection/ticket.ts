/** A ticket for one connection, given to who is signed in. */

import type { Account } from "../protocol/wire";
import { Refused, type Rest } from "./types";

/** Rejects with `Refused`: with status 401 where nobody is signed in, or somebody else. */
export async function freshTicket(rest: Rest, me: Account, signal: AbortSignal): Promise<string> {
  try {
    return (await rest.call("POST /api/v1/tickets", { signal })).ticket;
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== 403) throw error;
    // Another page of this browser has signed in anew: it has another token, and may be another person.
    const { account } = await rest.call("GET /api/v1/me", { signal });
    if (account.id !== me.id) throw new Refused("unauthenticated", "Somebody else is signed in.", undefined, 401);
    return (await rest.call("POST /api/v1/tickets", { signal })).ticket;
  }
}
