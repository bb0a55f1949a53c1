/** What a place shows when nothing is in it: what it is for, and the first thing to do. */

import type { ReactNode } from "react";
import { classes } from "./classes";

export interface EmptyStateProps {
  readonly icon?: ReactNode;
  readonly title: string;
  /** Where it is all there is in its place, the title is the heading of it. */
  readonly level?: "h1" | "h2" | "p";
  readonly children?: ReactNode;
  readonly actions?: ReactNode;
  readonly className?: string;
}

export function EmptyState({ icon, title, level: Title = "p", children, actions, className }: EmptyStateProps) {
  return (
    <div className={classes("mx-auto flex max-w-md flex-col items-center px-6 py-10 text-center", className)}>
      {icon !== undefined && (
        <span
          aria-hidden="true"
          className="mb-4 inline-flex size-12 items-center justify-center rounded-composer border border-line bg-sunken text-ink-3"
        >
          {icon}
        </span>
      )}
      <Title className="text-title font-semibold text-balance text-ink">{title}</Title>
      {children !== undefined && <div className="mt-1.5 text-small text-pretty text-ink-2">{children}</div>}
      {actions !== undefined && <div className="mt-5 flex flex-wrap justify-center gap-2">{actions}</div>}
    </div>
  );
}
