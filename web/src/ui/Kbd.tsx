/** Keys to press, as people of this machine know them: `Mod+K` is ⌘K or Ctrl K. */

import { classes } from "./classes";

const isApple = typeof navigator !== "undefined" && /Mac|iPhone|iPad/.test(navigator.userAgent);

const signs: Readonly<Record<string, string>> = isApple
  ? { Mod: "⌘", Alt: "⌥", Shift: "⇧", Enter: "↩", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" }
  : { Mod: "Ctrl", Enter: "Enter", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

/** `keys` as in `Mod+K`, `Shift+Alt+ArrowDown`, `?`. */
export function Kbd({ keys, tone = "plain" }: { readonly keys: string; readonly tone?: "plain" | "inverse" }) {
  const parts = keys === "+" ? ["+"] : keys.split("+");
  return (
    <span className="inline-flex items-center gap-0.5">
      {parts.map((part) => (
        <kbd
          key={part}
          className={classes(
            "inline-flex h-5 min-w-5 items-center justify-center rounded-[5px] px-1 font-sans text-[0.6875rem] leading-none",
            tone === "plain" ? "border border-line bg-sunken text-ink-2" : "bg-app/15 text-app",
          )}
        >
          {signs[part] ?? part}
        </kbd>
      ))}
    </span>
  );
}
