/** A thing to press that says in words what it does. */

import type { ComponentProps, ReactNode } from "react";
import { classes } from "./classes";
import { useFocusLeft } from "./focusBack";
import { Spinner } from "./Spinner";

export type ButtonVariant = "primary" | "secondary" | "ghost" | "danger" | "ai";
export type ButtonSize = "sm" | "md";

const base =
  "inline-flex shrink-0 select-none items-center justify-center rounded-button font-medium whitespace-nowrap " +
  "transition-colors disabled:pointer-events-none disabled:opacity-50 aria-disabled:pointer-events-none aria-disabled:opacity-50";

const looks: Readonly<Record<ButtonVariant, string>> = {
  primary: "bg-accent text-accent-ink hover:bg-accent-strong",
  secondary: "border border-line-strong/60 bg-surface text-ink hover:bg-hover hover:border-line-strong",
  ghost: "text-ink-2 hover:bg-hover hover:text-ink",
  danger: "bg-danger text-danger-ink hover:bg-danger-strong",
  ai: "border border-ai-line bg-ai-soft text-ai hover:border-ai",
};

const sizes: Readonly<Record<ButtonSize, string>> = {
  sm: "h-7 gap-1.5 px-2.5 text-small pointer-coarse:h-11 pointer-coarse:px-3.5",
  md: "h-8 gap-2 px-3 text-[0.875rem] pointer-coarse:h-11 pointer-coarse:px-4",
};

/** The look of a button, for a link that should have it. */
export function buttonClass(variant: ButtonVariant = "secondary", size: ButtonSize = "md", more?: string): string {
  return classes(base, looks[variant], sizes[size], more);
}

export interface ButtonProps extends ComponentProps<"button"> {
  readonly variant?: ButtonVariant;
  readonly size?: ButtonSize;
  readonly icon?: ReactNode;
  /** It was pressed and works: it turns, and cannot be pressed again. */
  readonly isBusy?: boolean;
}

export function Button({
  variant,
  size,
  icon,
  isBusy = false,
  className,
  children,
  onClick,
  ref,
  ...rest
}: ButtonProps) {
  const own = useFocusLeft(ref);
  return (
    <button
      ref={own}
      type="button"
      {...rest}
      // Not disabled: it would lose the focus, and whoever pressed it by key their place.
      aria-disabled={isBusy || undefined}
      aria-busy={isBusy || undefined}
      onClick={isBusy ? (event) => event.preventDefault() : onClick}
      className={buttonClass(variant, size, className)}
    >
      {isBusy ? <Spinner size={14} /> : icon}
      {children}
    </button>
  );
}
