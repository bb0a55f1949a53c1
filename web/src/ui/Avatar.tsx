/** A face made of a name: initials on a colour of its own, a spark for an AI. Its name stands beside it in words. */

import { Sparkle } from "lucide-react";
import { classes } from "./classes";

export interface AvatarProps {
  readonly name: string;
  /** What the colour is made of: an id that stays when the name changes. */
  readonly seed?: string;
  readonly isAi?: boolean;
  readonly size?: "xs" | "sm" | "md" | "lg";
  /** Shown as a dot with a ring; say it in words beside it. */
  readonly isOnline?: boolean;
  readonly className?: string;
}

const sizes = {
  xs: "size-5 text-[0.625rem]",
  sm: "size-6 text-[0.6875rem]",
  md: "size-8 text-meta",
  lg: "size-12 text-title",
} as const;
const sparks = { xs: 12, sm: 14, md: 16, lg: 24 } as const;

const colours = [
  "bg-person-1 text-person-1-ink",
  "bg-person-2 text-person-2-ink",
  "bg-person-3 text-person-3-ink",
  "bg-person-4 text-person-4-ink",
  "bg-person-5 text-person-5-ink",
  "bg-person-6 text-person-6-ink",
] as const;

function colour(seed: string): string {
  let sum = 0;
  for (const letter of seed) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 1_000_003;
  return colours[sum % colours.length] ?? colours[0];
}

/** Signs as wide as they are high. */
const WIDE = /\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Extended_Pictographic}/u;

/** Two letters of two words; one sign where signs are words. */
export function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/u);
  const first = [...(words[0] ?? "")][0] ?? "?";
  if (WIDE.test(first)) return first;
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (WIDE.test(last) ? first : first + last).toLocaleUpperCase();
}

export function Avatar({ name, seed = name, isAi = false, size = "md", isOnline, className }: AvatarProps) {
  const letters = initials(name);
  // Two do not fit into the small ones, which lie over each other where several stand together.
  const written = size === "xs" || size === "sm" ? [...letters][0] : letters;
  return (
    <span
      aria-hidden="true"
      className={classes(
        "relative inline-flex shrink-0 select-none items-center justify-center font-semibold",
        isAi ? "rounded-button border border-ai-line bg-ai-soft text-ai" : classes("rounded-full", colour(seed)),
        sizes[size],
        className,
      )}
    >
      {isAi ? <Sparkle size={sparks[size]} fill="currentColor" strokeWidth={1} /> : written}
      {isOnline === true && (
        <span className="absolute -right-0.5 -bottom-0.5 size-2.5 rounded-full border-2 border-surface bg-ok" />
      )}
    </span>
  );
}
