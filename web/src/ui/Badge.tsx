/** A word or a number that marks what stands beside it. */

import type { ComponentProps, ReactNode } from "react";
import { classes } from "./classes";

export type Tone = "neutral" | "accent" | "ai" | "ok" | "warn" | "danger";

const tones: Readonly<Record<Tone, string>> = {
  neutral: "border-line bg-sunken text-ink-2",
  accent: "border-transparent bg-accent-soft text-accent",
  ai: "border-ai-line bg-ai-soft text-ai",
  ok: "border-transparent bg-ok-soft text-ok",
  warn: "border-warn-line bg-warn-soft text-warn",
  danger: "border-transparent bg-danger-soft text-danger",
};

export interface BadgeProps extends ComponentProps<"span"> {
  readonly tone?: Tone;
  readonly icon?: ReactNode;
}

export function Badge({ tone = "neutral", icon, className, children, ...rest }: BadgeProps) {
  return (
    <span
      {...rest}
      className={classes(
        "inline-flex h-5 shrink-0 items-center gap-1 rounded-chip border px-1.5 text-[0.6875rem] leading-none font-medium whitespace-nowrap",
        tones[tone],
        className,
      )}
    >
      {icon}
      {children}
    </span>
  );
}

/** How many: 99+ at most. `label` says of what. */
export function CountBadge({
  count,
  label,
  tone = "accent",
}: {
  readonly count: number;
  readonly label: string;
  readonly tone?: "accent" | "neutral";
}) {
  return (
    <span
      className={classes(
        "inline-flex h-5 min-w-5 shrink-0 items-center justify-center rounded-full px-1.5 text-[0.6875rem] leading-none font-semibold tabular-nums",
        tone === "accent" ? "bg-accent text-accent-ink" : "bg-hover text-ink-2",
      )}
    >
      <span aria-hidden="true">{count > 99 ? "99+" : count}</span>
      <span className="sr-only">{label}</span>
    </span>
  );
}
