/** Several views in one place, one shown. */

import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { classes } from "./classes";

export interface TabsProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly items: readonly { readonly value: Value; readonly label: string; readonly icon?: ReactNode }[];
  /** Only the icons are seen; the labels are names and tips. */
  readonly isIconsOnly?: boolean;
  readonly end?: ReactNode;
  readonly className?: string;
  /** `TabPanel`s. */
  readonly children?: ReactNode;
}

export function Tabs<Value extends string>({
  label,
  value,
  onChange,
  items,
  isIconsOnly = false,
  end,
  className,
  children,
}: TabsProps<Value>) {
  return (
    <Radix.Root
      value={value}
      onValueChange={(next) => {
        const item = items.find((one) => one.value === next);
        if (item !== undefined) onChange(item.value);
      }}
      className={classes("flex min-h-0 flex-col", className)}
    >
      <div
        className={classes(
          "flex shrink-0 items-center gap-1 border-b border-line",
          end === undefined ? "h-12" : "h-14 px-2",
        )}
      >
        <Radix.List
          aria-label={label}
          className="flex h-full min-w-0 flex-1 items-center gap-0.5 overflow-x-auto p-0.5"
        >
          {items.map((item) => (
            <Radix.Trigger
              key={item.value}
              value={item.value}
              aria-label={isIconsOnly ? item.label : undefined}
              data-tip={isIconsOnly ? item.label : undefined}
              className={classes(
                "inline-flex h-8 shrink-0 items-center gap-1.5 rounded-button px-2.5 text-small font-medium text-ink-2 transition-colors pointer-coarse:h-11",
                "hover:bg-hover hover:text-ink data-[state=active]:bg-accent-soft data-[state=active]:text-accent focus-visible:-outline-offset-2",
              )}
            >
              {item.icon}
              {!isIconsOnly && item.label}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {end}
      </div>
      {children}
    </Radix.Root>
  );
}

export function TabPanel({
  value,
  className,
  children,
}: {
  readonly value: string;
  readonly className?: string;
  readonly children: ReactNode;
}) {
  return (
    <Radix.Content
      value={value}
      className={classes("min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2", className)}
    >
      {children}
    </Radix.Content>
  );
}
