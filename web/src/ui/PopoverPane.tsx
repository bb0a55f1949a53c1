/** The pane of `Popover`, by Radix: what is fetched when one is first opened. */

import { Popover as Radix } from "radix-ui";
import { classes } from "./classes";
import type { PopoverProps } from "./Popover";

export function Popover({
  trigger,
  label,
  align = "center",
  side = "bottom",
  isOpen,
  onOpenChange,
  className,
  children,
}: PopoverProps) {
  return (
    <Radix.Root
      {...(isOpen === undefined ? {} : { open: isOpen })}
      {...(onOpenChange === undefined ? {} : { onOpenChange })}
    >
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          aria-label={label}
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className={classes(
            "z-50 max-h-[var(--radix-popover-content-available-height)] max-w-[calc(100vw-1rem)] animate-rise overflow-y-auto rounded-card border border-line bg-surface p-3 shadow-float outline-none",
            className,
          )}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
