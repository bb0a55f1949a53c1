/** Which ways to sign in the server has beside names, passwords and links; and the way from Supabase's token to our cookie. */

import { useEffect, useState } from "react";
import type { Session } from "../../connection/session";
import type { SessionMade, SupabaseWay } from "../../protocol/api";
import { keepFor } from "./kept";
import type { SupabaseDoor } from "./supabase";

/** undefined until it is known; null: there is no Supabase here. */
export function useSupabaseWay(session: Session): SupabaseWay | null | undefined {
  const [way, setWay] = useState<SupabaseWay | null>();
  useEffect(() => {
    let isCurrent = true;
    supabaseWay(session).then(
      (found) => isCurrent && setWay(found ?? null),
      // The ways that need no question are there all the same.
      () => isCurrent && setWay(null),
    );
    return () => {
      isCurrent = false;
    };
  }, [session]);
  return way;
}

export async function supabaseWay(session: Pick<Session, "rest">): Promise<SupabaseWay | undefined> {
  return (await session.rest.call("GET /api/v1/auth/ways")).supabase;
}

export async function openDoor(way: SupabaseWay): Promise<SupabaseDoor> {
  return (await import("./supabase")).openSupabase(way);
}

/** Signs in here with what Supabase gave, and remembers whose session that is. */
export async function comeIn(session: Session, token: string): Promise<SessionMade> {
  const made = await session.signInBySupabase(token);
  keepFor(made.account.id);
  return made;
}
