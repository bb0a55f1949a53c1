/** `@handle` in a message: a chip if it means somebody here, else the words as they are. */

import { createContext, type ReactNode, useContext } from "react";
import { classes } from "../../../ui/classes";

export interface Mentioned {
  readonly name: string;
  readonly kind: "me" | "person" | "ai" | "group";
}

/** Whom a handle means in this room; in lower case. */
export const MentionsContext = createContext<(handle: string) => Mentioned | undefined>(() => undefined);

const looks = {
  me: "bg-warn-soft text-warn",
  person: "bg-accent-soft text-accent",
  group: "bg-accent-soft text-accent",
  ai: "bg-ai-soft text-ai",
} as const;

export function Mention({ handle, children }: { readonly handle: string; readonly children: ReactNode }) {
  const mentioned = useContext(MentionsContext)(handle.toLowerCase());
  if (mentioned === undefined) return children;
  return (
    <span
      data-tip={mentioned.name}
      className={classes("rounded-chip px-1 py-px font-medium whitespace-nowrap", looks[mentioned.kind])}
    >
      {children}
    </span>
  );
}
