/** A line across the top: what is the matter, in words and a sign, and at most one thing to do. */

import type { ReactNode } from "react";
import { classes } from "../../ui/classes";

export interface BannerProps {
  readonly tone: "neutral" | "warn" | "ok" | "danger";
  readonly icon: ReactNode;
  readonly action?: ReactNode;
  readonly children: ReactNode;
}

const tones = {
  neutral: "border-line bg-sunken text-ink-2",
  warn: "border-warn-line bg-warn-soft text-warn",
  ok: "border-transparent bg-ok-soft text-ok",
  danger: "border-transparent bg-danger-soft text-danger",
} as const;

export function Banner({ tone, icon, action, children }: BannerProps) {
  return (
    <div
      className={classes(
        "flex min-h-10 shrink-0 animate-appear items-center gap-2.5 border-b px-4 py-1.5 text-small",
        tones[tone],
      )}
    >
      <span aria-hidden="true" className="shrink-0">
        {icon}
      </span>
      <p className="min-w-0 flex-1">{children}</p>
      {action}
    </div>
  );
}
