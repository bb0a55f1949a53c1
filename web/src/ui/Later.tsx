/** A view that is fetched when it is first shown: what stands there meanwhile, and a sentence with a way to try again. */

import { CircleAlert } from "lucide-react";
import { type ComponentType, type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import type { Pack } from "./i18n";
import { type Fetched, type Part, part } from "./parts";
import { Spinner } from "./Spinner";

const PATIENCE_MS = 300;

export interface LaterOptions {
  /** What it says. */
  readonly words?: readonly Pack[];
  /** As high as what comes, so that nothing jumps. */
  readonly meanwhile?: ReactNode;
  /** What stands there when it cannot be loaded, if not a line that says so. */
  readonly missing?: (retry: () => void) => ReactNode;
  /** It lies over the page. Its `onClose`, or `onOpenChange(false)`, gives it up. */
  readonly isOver?: boolean;
}

export type LaterView<Props> = ComponentType<Props> & { readonly part: Part<unknown> };

export function later<Props extends object>(
  fetch: () => Promise<ComponentType<Props>>,
  { words = [], meanwhile, missing, isOver = false }: LaterOptions = {},
): LaterView<Props> {
  const view = part(fetch, words);
  function Later(props: Props) {
    const fetched = useFetched(view);
    const isAsked = !("isOpen" in props) || props.isOpen !== false;
    useEffect(() => {
      if (isAsked) void view.load();
    }, [isAsked]);
    if (fetched.is === "here") return <fetched.value {...props} />;
    if (!isAsked) return null;
    const retry = () => void view.load();
    if (isOver) return <Over isMissing={fetched.is === "missing"} onRetry={retry} onClose={() => close(props)} />;
    if (fetched.is === "missing") return missing === undefined ? <NotLoaded onRetry={retry} /> : missing(retry);
    return meanwhile;
  }
  return Object.assign(Later, { part: view });
}

export function useFetched<T>(of: Part<T>): Fetched<T> {
  return useSyncExternalStore(of.subscribe, of.get);
}

function close(props: object): void {
  if ("onClose" in props && typeof props.onClose === "function") props.onClose();
  else if ("onOpenChange" in props && typeof props.onOpenChange === "function") props.onOpenChange(false);
}

/** In the place of a part of the page. */
export function NotLoaded({ onRetry }: { readonly onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <div
      role="alert"
      className="m-4 flex flex-wrap items-center gap-2 rounded-card border border-line bg-sunken p-4 text-small text-ink"
    >
      <CircleAlert aria-hidden="true" size={16} className="shrink-0 text-danger" />
      <span className="min-w-0 flex-1">{t("common.notLoaded")}</span>
      <Button size="sm" onClick={onRetry}>
        {t("common.retry")}
      </Button>
    </div>
  );
}

interface OverProps {
  readonly isMissing: boolean;
  readonly onRetry: () => void;
  readonly onClose: () => void;
}

/** In the place of a window over the page. */
function Over({ isMissing, onRetry, onClose }: OverProps) {
  const { t } = useTranslation();
  const [isLong, setLong] = useState(false);
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const timer = window.setTimeout(() => setLong(true), PATIENCE_MS);
    return () => window.clearTimeout(timer);
  }, []);
  useEffect(() => {
    if (isMissing) box.current?.showModal();
  }, [isMissing]);
  // Closed before it goes, so that the focus is again where it was when the window comes.
  const closed = (then: () => void) => () => {
    box.current?.close();
    then();
  };
  if (isMissing) {
    return (
      <dialog
        ref={box}
        aria-label={t("common.notLoaded")}
        onCancel={(event) => {
          event.preventDefault();
          closed(onClose)();
        }}
        className="m-auto max-w-sm rounded-card border border-line bg-surface p-5 text-small text-ink shadow-float backdrop:bg-scrim"
      >
        <p>{t("common.notLoaded")}</p>
        <div className="mt-4 flex justify-end gap-2">
          <Button onClick={closed(onClose)}>{t("common.close")}</Button>
          <Button variant="primary" onClick={closed(onRetry)}>
            {t("common.retry")}
          </Button>
        </div>
      </dialog>
    );
  }
  return (
    <p
      role="status"
      className={
        isLong
          ? "fixed inset-x-0 top-1/3 z-50 mx-auto flex h-10 w-fit items-center gap-2 rounded-full border border-line bg-surface px-4 text-small text-ink-2 shadow-float"
          : "sr-only"
      }
    >
      <Spinner size={16} />
      {t("common.loading")}
    </p>
  );
}
