/** A thing to press that is only a picture: its label is its name, and shows as a tip. */

import type { ComponentProps, ReactNode } from "react";
import { classes } from "./classes";
import { useFocusLeft } from "./focusBack";

export interface IconButtonProps extends Omit<ComponentProps<"button">, "aria-label" | "children"> {
  readonly label: string;
  /** A lucide icon of 16 or 18 px. */
  readonly icon: ReactNode;
  readonly variant?: "ghost" | "secondary" | "primary" | "danger";
  readonly size?: "sm" | "md";
  /** Keys that do the same, shown in the tip. */
  readonly shortcut?: string;
}

const looks = {
  ghost:
    "text-ink-2 hover:bg-hover hover:text-ink aria-expanded:bg-hover aria-pressed:bg-accent-soft aria-pressed:text-accent",
  secondary: "border border-line-strong/60 bg-surface text-ink-2 hover:bg-hover hover:text-ink",
  primary: "bg-accent text-accent-ink hover:bg-accent-strong",
  danger: "text-danger hover:bg-danger-soft",
} as const;

const sizes = { sm: "size-7 pointer-coarse:size-11", md: "size-8 pointer-coarse:size-11" } as const;

export function IconButton({
  label,
  icon,
  variant = "ghost",
  size = "md",
  shortcut,
  className,
  ref,
  ...rest
}: IconButtonProps) {
  const own = useFocusLeft(ref);
  return (
    <button
      ref={own}
      type="button"
      data-tip={label}
      data-tip-keys={shortcut}
      {...rest}
      aria-label={label}
      className={classes(
        "inline-flex shrink-0 items-center justify-center rounded-button transition-colors",
        "disabled:pointer-events-none disabled:opacity-45",
        looks[variant],
        sizes[size],
        className,
      )}
    >
      {icon}
    </button>
  );
}
