/** The secret of a link: taken out of the address at once, so that it stays in no history and no screenshot. */

import { Changing, type Readable } from "../../room/readable";

export interface LinkSecret {
  /** `supabase` is a code that only this browser can use, `supabase-refused` says in its text why there is none. */
  readonly kind: "sign-in" | "invite" | "supabase" | "supabase-refused";
  readonly text: string;
}

const held = new Changing<LinkSecret | undefined>(undefined);

/** What the page was opened with, until it is used. */
export const secret: Readable<LinkSecret | undefined> = held;

export function secretIn(hash: string): LinkSecret | undefined {
  const text = hash.replace(/^#/, "");
  if (text.startsWith("ml_")) return { kind: "sign-in", text };
  if (text.startsWith("mi_")) return { kind: "invite", text };
  return undefined;
}

/** Where Supabase leads back to: the address that we name, or the project's own. */
const RETURNS: ReadonlySet<string> = new Set(["/", "/sign-in"]);

/**
 * What Supabase leads back with. Whole tokens, which it puts behind the `#` for who did not begin here, are taken out of
 * the address and not used: somebody else's would sign people in as that other.
 */
export function returnIn(path: string, search: string, hash: string): LinkSecret | undefined {
  if (!RETURNS.has(path)) return undefined;
  const asked = new URLSearchParams(search);
  const behind = new URLSearchParams(hash.replace(/^#/, ""));
  for (const told of [asked, behind]) {
    const why = told.get("error_code") || told.get("error");
    if (why !== null && why !== "") return { kind: "supabase-refused", text: why };
  }
  const code = asked.get("code");
  if (code !== null && code !== "") return { kind: "supabase", text: code };
  return behind.has("access_token") ? { kind: "supabase-refused", text: "flow_state_not_found" } : undefined;
}

/** Looks at the address now, and whenever another link is pasted into it. */
export function takeSecrets(): void {
  const take = () => {
    const { pathname, search, hash } = window.location;
    const link = secretIn(hash);
    const found = link ?? returnIn(pathname, search, hash);
    if (found === undefined) return;
    window.history.replaceState(window.history.state, "", link === undefined ? pathname : pathname + search);
    held.set(found);
  };
  take();
  window.addEventListener("hashchange", take);
}

export function forgetSecret(): void {
  held.set(undefined);
}
