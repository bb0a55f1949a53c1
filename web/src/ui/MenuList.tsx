/** The menus of `Menu`, by Radix: what is fetched when a menu is first opened. */

import { Check, ChevronRight } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { classes } from "./classes";
import { Kbd } from "./Kbd";
import type { MenuItemProps, MenuProps, MenuRadioProps, MenuSubProps } from "./Menu";

const menuSurface =
  "z-50 min-w-48 max-w-80 animate-rise overflow-y-auto rounded-card border border-line bg-surface p-1 shadow-float outline-none " +
  "max-h-[var(--radix-dropdown-menu-content-available-height,24rem)]";

const row =
  "flex min-h-8 cursor-default select-none items-center gap-2.5 rounded-button px-2.5 py-1 text-[0.875rem] focus-visible:-outline-offset-2 " +
  "data-highlighted:bg-hover data-disabled:opacity-45 pointer-coarse:min-h-11";

export function Menu({ trigger, align = "end", side = "bottom", isOpen, onOpenChange, children }: MenuProps) {
  return (
    <Radix.Root
      modal={false}
      {...(isOpen === undefined ? {} : { open: isOpen })}
      {...(onOpenChange === undefined ? {} : { onOpenChange })}
    >
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align={align} side={side} sideOffset={6} collisionPadding={8} className={menuSurface}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function MenuItem({ icon, shortcut, isDanger = false, isDisabled = false, onSelect, children }: MenuItemProps) {
  return (
    <Radix.Item
      disabled={isDisabled}
      onSelect={onSelect}
      className={classes(row, isDanger ? "text-danger data-highlighted:bg-danger-soft" : "text-ink")}
    >
      {icon !== undefined && <span className={isDanger ? "" : "text-ink-2"}>{icon}</span>}
      <span className="min-w-0 flex-1">{children}</span>
      {shortcut !== undefined && <Kbd keys={shortcut} />}
    </Radix.Item>
  );
}

/** One of several, as a part of the menu. */
export function MenuRadio<Value extends string>({ label, value, onChange, options }: MenuRadioProps<Value>) {
  return (
    <Radix.RadioGroup value={value} aria-label={label}>
      {options.map((option) => (
        <Radix.RadioItem
          key={option.value}
          value={option.value}
          onSelect={(event) => {
            event.preventDefault();
            onChange(option.value);
          }}
          className={row}
        >
          <span className="flex size-4 items-center justify-center text-accent">
            <Radix.ItemIndicator>
              <Check aria-hidden="true" size={16} />
            </Radix.ItemIndicator>
          </span>
          <span className="min-w-0 flex-1">
            {option.label}
            {option.hint !== undefined && <span className="block text-meta text-ink-3">{option.hint}</span>}
          </span>
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

export function MenuSub({ label, icon, children }: MenuSubProps) {
  return (
    <Radix.Sub>
      <Radix.SubTrigger className={classes(row, "data-[state=open]:bg-hover")}>
        {icon !== undefined && <span className="text-ink-2">{icon}</span>}
        <span className="min-w-0 flex-1">{label}</span>
        <ChevronRight aria-hidden="true" size={16} className="text-ink-3" />
      </Radix.SubTrigger>
      <Radix.Portal>
        <Radix.SubContent sideOffset={4} collisionPadding={8} className={menuSurface}>
          {children}
        </Radix.SubContent>
      </Radix.Portal>
    </Radix.Sub>
  );
}

export function MenuLabel({ children }: { readonly children: ReactNode }) {
  return <Radix.Label className="px-2.5 pt-1.5 pb-1 text-meta font-medium text-ink-3">{children}</Radix.Label>;
}

export function MenuSeparator() {
  return <Radix.Separator className="mx-1.5 my-1 h-px bg-line" />;
}
