/** Several views in one place, one shown. */

import { createContext, type KeyboardEvent, type ReactNode, useContext, useId } from "react";
import { classes } from "./classes";

const Shown = createContext<{ readonly id: string; readonly value: string }>({ id: "", value: "" });

const tabId = (id: string, value: string) => `${id}-tab-${value}`;
const panelId = (id: string, value: string) => `${id}-panel-${value}`;

/** The arrows go round, and show what they come to. */
function placeAfter(key: string, place: number, count: number): number | undefined {
  if (key === "ArrowRight") return (place + 1) % count;
  if (key === "ArrowLeft") return (place + count - 1) % count;
  if (key === "Home") return 0;
  return key === "End" ? count - 1 : undefined;
}

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
  const id = useId();
  const go = (event: KeyboardEvent<HTMLElement>) => {
    const place = items.findIndex((item) => item.value === value);
    const next = items[placeAfter(event.key, place, items.length) ?? -1];
    if (next === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onChange(next.value);
    document.getElementById(tabId(id, next.value))?.focus();
  };
  return (
    <Shown value={{ id, value }}>
      <div className={classes("flex min-h-0 flex-col", className)}>
        <div
          className={classes(
            "flex shrink-0 items-center gap-1 border-b border-line",
            end === undefined ? "h-12" : "h-14 px-2",
          )}
        >
          <div
            role="tablist"
            aria-label={label}
            aria-orientation="horizontal"
            className="flex h-full min-w-0 flex-1 items-center gap-0.5 overflow-x-auto p-0.5"
          >
            {items.map((item) => (
              <button
                key={item.value}
                type="button"
                role="tab"
                id={tabId(id, item.value)}
                aria-selected={item.value === value}
                aria-controls={panelId(id, item.value)}
                aria-label={isIconsOnly ? item.label : undefined}
                data-tip={isIconsOnly ? item.label : undefined}
                tabIndex={item.value === value ? 0 : -1}
                onClick={() => onChange(item.value)}
                onKeyDown={go}
                className={classes(
                  "inline-flex h-8 shrink-0 items-center gap-1.5 rounded-button px-2.5 text-small font-medium text-ink-2 transition-colors pointer-coarse:h-11",
                  "hover:bg-hover hover:text-ink aria-selected:bg-accent-soft aria-selected:text-accent focus-visible:-outline-offset-2",
                )}
              >
                {item.icon}
                {!isIconsOnly && item.label}
              </button>
            ))}
          </div>
          {end}
        </div>
        {children}
      </div>
    </Shown>
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
  const shown = useContext(Shown);
  const isShown = shown.value === value;
  return (
    <div
      role="tabpanel"
      id={panelId(shown.id, value)}
      aria-labelledby={tabId(shown.id, value)}
      hidden={!isShown}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
      tabIndex={0}
      className={classes("min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2", className)}
    >
      {isShown && children}
    </div>
  );
}
