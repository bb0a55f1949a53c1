/** Short words about what has just happened. They go by themselves, but not while they are pointed at or focused. */

import { CircleAlert, CircleCheck, Info, X } from "lucide-react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import { IconButton } from "./IconButton";

export interface ToastOptions {
  readonly tone?: "info" | "ok" | "danger";
  readonly action?: { readonly label: string; readonly onPress: () => void };
  /** How long it stays; what went wrong stays longer. */
  readonly ms?: number;
}

interface Shown extends ToastOptions {
  readonly id: number;
  readonly text: string;
}

let next = 0;
let shown: readonly Shown[] = [];
const listeners = new Set<() => void>();

function change(to: readonly Shown[]): void {
  shown = to;
  for (const listener of [...listeners]) listener();
}

/** Shows it; the same words are not shown twice at once. At most four stand there. */
export function toast(text: string, options: ToastOptions = {}): void {
  next += 1;
  change([...shown.filter((one) => one.text !== text), { ...options, id: next, text }].slice(-4));
}

export function dismissToast(id: number): void {
  change(shown.filter((one) => one.id !== id));
}

const icons = {
  info: <Info aria-hidden="true" size={18} className="mt-0.5 shrink-0 text-accent" />,
  ok: <CircleCheck aria-hidden="true" size={18} className="mt-0.5 shrink-0 text-ok" />,
  danger: <CircleAlert aria-hidden="true" size={18} className="mt-0.5 shrink-0 text-danger" />,
} as const;

/** Stands once, at the root of the page. */
export function Toaster() {
  const { t } = useTranslation();
  const toasts = useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => {
        listeners.delete(changed);
      };
    },
    () => shown,
  );
  return (
    <section
      aria-label={t("common.notifications")}
      aria-live="polite"
      aria-relevant="additions"
      className="pointer-events-none fixed right-4 bottom-4 z-50 flex w-[min(22rem,calc(100vw-2rem))] flex-col gap-2 pb-[env(safe-area-inset-bottom)] max-sm:bottom-24"
    >
      {toasts.map((one) => (
        <ToastCard key={one.id} toast={one} />
      ))}
    </section>
  );
}

function ToastCard({
  toast: { id, text, tone = "info", action, ms = tone === "danger" ? 10_000 : 6_000 },
}: {
  readonly toast: Shown;
}) {
  const { t } = useTranslation();
  const [isHeld, setHeld] = useState(false);
  useEffect(() => {
    if (isHeld) return;
    const timer = window.setTimeout(() => dismissToast(id), ms);
    return () => window.clearTimeout(timer);
  }, [id, ms, isHeld]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at it only keeps it there; all it offers are buttons
    <div
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
      className="pointer-events-auto flex animate-rise items-start gap-2.5 rounded-card border border-line bg-surface p-3 shadow-float"
    >
      {icons[tone]}
      <p dir="auto" className="min-w-0 flex-1 pt-px text-small break-words text-ink">
        {text}
      </p>
      {action !== undefined && (
        <Button
          size="sm"
          variant="ghost"
          className="text-accent"
          onClick={() => {
            dismissToast(id);
            action.onPress();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton size="sm" label={t("common.close")} icon={<X size={16} />} onClick={() => dismissToast(id)} />
    </div>
  );
}
