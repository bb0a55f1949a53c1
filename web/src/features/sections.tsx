/** How panes and settings are laid out: sections with a heading, notes, what is loading, what was refused. */

import { CircleAlert } from "lucide-react";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../ui/Button";
import { classes } from "../ui/classes";
import { Skeleton } from "../ui/Skeleton";

export interface SectionProps {
  readonly title: string;
  /** Beside the title, at its right. */
  readonly actions?: ReactNode;
  readonly hint?: ReactNode;
  readonly className?: string;
  readonly children?: ReactNode;
}

export function Section({ title, actions, hint, className, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={classes("border-b border-line px-4 py-4 last:border-b-0", className)}>
      <div className="mb-2 flex min-h-8 items-center justify-between gap-2">
        <h3 id={id} className="min-w-0 text-small font-semibold text-ink">
          {title}
        </h3>
        {actions !== undefined && <div className="flex shrink-0 items-center gap-1">{actions}</div>}
      </div>
      {hint !== undefined && <p className="-mt-1 mb-3 text-meta text-ink-3">{hint}</p>}
      {children}
    </section>
  );
}

export function Note({ children, className }: { readonly children: ReactNode; readonly className?: string }) {
  return <p className={classes("text-small text-ink-3", className)}>{children}</p>;
}

/** A sentence of the server that says no, with a way to try again. */
export function Refusal({ text, onRetry }: { readonly text: string; readonly onRetry?: () => void }) {
  const { t } = useTranslation();
  return (
    <div
      role="alert"
      className="flex items-start gap-2 rounded-button bg-danger-soft px-3 py-2 text-small text-ink wrap-anywhere"
    >
      <CircleAlert aria-hidden="true" size={16} className="mt-0.5 shrink-0 text-danger" />
      <span className="min-w-0 flex-1">{text}</span>
      {onRetry !== undefined && (
        <Button size="sm" variant="ghost" className="-my-1" onClick={onRetry}>
          {t("common.retry")}
        </Button>
      )}
    </div>
  );
}

export function Loading({ lines = 3 }: { readonly lines?: number }) {
  const { t } = useTranslation();
  return (
    <div role="status" className="flex flex-col gap-2.5 py-1">
      <span className="sr-only">{t("common.loading")}</span>
      {["w-11/12", "w-8/12", "w-10/12", "w-6/12", "w-9/12"].slice(0, lines).map((width) => (
        <Skeleton key={width} className={classes("h-3", width)} />
      ))}
    </div>
  );
}

/** A bar that says how full something is; the words beside it say the same. */
export function Meter({
  share,
  label,
  className,
}: {
  readonly share: number;
  readonly label: string;
  readonly className?: string;
}) {
  const shown = Math.min(1, Math.max(0, share));
  const tone = share >= 1 ? "bg-danger" : share >= 0.8 ? "bg-warn" : "bg-accent";
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <meter> cannot be drawn alike in all browsers
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(shown * 100)}
      className={classes("h-2 overflow-hidden rounded-full bg-hover", className)}
    >
      <div className={classes("h-full rounded-full", tone)} style={{ width: `${shown * 100}%` }} />
    </div>
  );
}

/** A part that scrolls by itself, named, and reached by keyboard so that it can be. */
export function Scroller({
  label,
  className,
  children,
}: {
  readonly label: string;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
      tabIndex={0}
      aria-label={label}
      className={classes("overflow-auto focus-visible:-outline-offset-2", className)}
    >
      {children}
    </section>
  );
}
