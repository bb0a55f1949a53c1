/** What this browser keeps of somebody who signed in at Supabase: whose session it is, and where they wanted to go. */

/** Under it the library of Supabase keeps its session. */
export const SESSION_KEY = "multiplayer.supabase";
const OWNER_KEY = `${SESSION_KEY}.owner`;
const RETURN_KEY = `${SESSION_KEY}.return`;

/** The account whose session is kept; it alone is renewed by it. */
export function keptOwner(): string | undefined {
  return read(() => localStorage.getItem(OWNER_KEY)) ?? undefined;
}

export function keepFor(accountId: string): void {
  read(() => localStorage.setItem(OWNER_KEY, accountId));
}

/** From now on nobody is signed in by it again, whatever becomes of the rest. */
export function disown(): void {
  read(() => localStorage.removeItem(OWNER_KEY));
}

/** What a sign-in that is under way needs is left: it may be another person's. */
export function forgetKept(): void {
  disown();
  read(() => localStorage.removeItem(SESSION_KEY));
}

export interface Return {
  /** A path of ours. */
  readonly to: string;
  /** The secret of an invitation that was being accepted. */
  readonly invite?: string | undefined;
}

/** For whoever leaves this page for another one to sign in. Kept for this tab only, and read once. */
export function rememberReturn(back: Return): void {
  read(() => sessionStorage.setItem(RETURN_KEY, JSON.stringify(back)));
}

export function takeReturn(): Return {
  const text = read(() => sessionStorage.getItem(RETURN_KEY));
  read(() => sessionStorage.removeItem(RETURN_KEY));
  try {
    const found: unknown = JSON.parse(text ?? "null");
    if (typeof found !== "object" || found === null || !("to" in found) || typeof found.to !== "string") return HOME;
    // Another origin can be written as a path, too.
    const to = /^\/(?![/\\])/.test(found.to) ? found.to : HOME.to;
    const invite = "invite" in found && typeof found.invite === "string" ? found.invite : undefined;
    return { to, invite };
  } catch {
    return HOME;
  }
}

const HOME: Return = { to: "/" };

/** A browser may keep nothing at all: then a sign-in lasts as long as its token. */
function read<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
