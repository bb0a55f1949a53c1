/** Whoever signed in at Supabase: what keeps them signed in is loaded for them alone. */

import type { Session } from "../../connection/session";
import { disown, forgetKept, keptOwner } from "./kept";

/** True: nobody was signed in here any more, and they are again. */
export async function isBack(session: Session): Promise<boolean> {
  if (keptOwner() === undefined) {
    // Of a sign-out that was cut short.
    forgetKept();
    return false;
  }
  try {
    const { comeBack, pageRenewing } = await import("./renewing");
    return await comeBack(pageRenewing(session));
  } catch {
    return false;
  }
}

/** As long as the page is open. The result ends it. */
export function staysSignedIn(session: Session, accountId: string): () => void {
  let end: () => void = () => undefined;
  let isOver = false;
  if (keptOwner() !== undefined) {
    import("./renewing")
      .then(({ keepRenewed, pageRenewing }) => {
        if (!isOver) end = keepRenewed(pageRenewing(session), accountId);
      })
      // Then the sign-in ends with its token, and they sign in again.
      .catch(() => undefined);
  }
  return () => {
    isOver = true;
    end();
  };
}

/** From this moment on nobody is signed in again by what is kept here; Supabase hears of it as soon as may be. */
export function signedOut(session: Session): void {
  if (keptOwner() === undefined) return;
  disown();
  import("./renewing")
    .then(({ leaveSupabase, pageRenewing }) => leaveSupabase(pageRenewing(session).open))
    .catch(forgetKept);
}
