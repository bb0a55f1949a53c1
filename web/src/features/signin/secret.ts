/** The secret of a link: taken out of the address at once, so that it stays in no history and no screenshot. */

import { Changing, type Readable } from "../../room/readable";

export interface LinkSecret {
  readonly kind: "sign-in" | "invite";
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

/** Looks at the address now, and whenever another link is pasted into it. */
export function takeSecrets(): void {
  const take = () => {
    const found = secretIn(window.location.hash);
    if (found === undefined) return;
    window.history.replaceState(window.history.state, "", window.location.pathname + window.location.search);
    held.set(found);
  };
  take();
  window.addEventListener("hashchange", take);
}

export function forgetSecret(): void {
  held.set(undefined);
}
