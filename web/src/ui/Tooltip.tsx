/**
 * Tips: one layer for the whole page shows the `data-tip` of what is pointed at or focused by keyboard.
 * A tip repeats a name or adds to it; nothing is only in a tip. Costs nothing per row of a long list.
 */

import { cloneElement, type ReactElement, useEffect, useLayoutEffect, useRef, useState } from "react";
import { createPortal } from "react-dom";
import { Kbd } from "./Kbd";

interface Shown {
  readonly of: HTMLElement;
  readonly text: string;
  readonly keys: string | undefined;
}

const OPEN_MS = 450;
const CLOSE_MS = 120;

/** Gives its one child a tip. */
/** A finger covers what it points at, and nothing tells it to go away. */
const canHover = () => window.matchMedia("(hover: hover)").matches;

export function Tooltip({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ReactElement<{ "data-tip"?: string }>;
}) {
  return cloneElement(children, { "data-tip": label });
}

function ofTarget(target: EventTarget | null): Shown | undefined {
  const of = target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null;
  const text = of?.dataset.tip;
  if (of === null || text === undefined || text === "") return undefined;
  return { of, text, keys: of.dataset.tipKeys };
}

/** Stands once, at the root of the page. */
export function TooltipLayer() {
  const [shown, setShown] = useState<Shown>();
  const timer = useRef<number>(undefined);

  useEffect(() => {
    const later = (run: () => void, ms: number) => {
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(run, ms);
    };
    const over = (event: PointerEvent) => {
      if (event.pointerType !== "mouse") return;
      if (event.target instanceof Element && event.target.closest("[data-tip-layer]") !== null) {
        window.clearTimeout(timer.current);
        return;
      }
      const next = ofTarget(event.target);
      if (next === undefined) later(() => setShown(undefined), CLOSE_MS);
      else later(() => setShown(next), OPEN_MS);
    };
    const focused = (event: FocusEvent) => {
      const next = ofTarget(event.target);
      if (isByKeys && next?.of.matches(":focus-visible") && canHover()) later(() => setShown(next), OPEN_MS);
    };
    const close = () => later(() => setShown(undefined), 0);
    // What was pressed in a window gives the focus back by a pointer too: that asks for no tip.
    let isByKeys = true;
    const pointed = () => {
      isByKeys = false;
      close();
    };
    const pressed = (event: KeyboardEvent) => {
      isByKeys = true;
      if (event.key === "Escape") close();
    };
    document.addEventListener("pointerover", over);
    document.addEventListener("focusin", focused);
    document.addEventListener("focusout", close);
    document.addEventListener("pointerdown", pointed);
    document.addEventListener("keydown", pressed);
    document.addEventListener("scroll", close, true);
    return () => {
      window.clearTimeout(timer.current);
      document.removeEventListener("pointerover", over);
      document.removeEventListener("focusin", focused);
      document.removeEventListener("focusout", close);
      document.removeEventListener("pointerdown", pointed);
      document.removeEventListener("keydown", pressed);
      document.removeEventListener("scroll", close, true);
    };
  }, []);

  return shown === undefined ? null : createPortal(<Tip {...shown} />, document.body);
}

function Tip({ of, text, keys }: Shown) {
  const tip = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<{ left: number; top: number }>();

  useLayoutEffect(() => {
    const box = tip.current?.getBoundingClientRect();
    if (box === undefined) return;
    const target = of.getBoundingClientRect();
    const left = Math.min(
      Math.max(8, target.left + target.width / 2 - box.width / 2),
      window.innerWidth - box.width - 8,
    );
    const above = target.top - box.height - 6;
    setAt({ left, top: above >= 8 ? above : target.bottom + 6 });
  }, [of]);

  return (
    <div
      ref={tip}
      data-tip-layer=""
      aria-hidden="true"
      style={at ?? { left: 0, top: 0, visibility: "hidden" }}
      className="fixed z-50 flex max-w-72 animate-appear items-center gap-2 rounded-chip bg-ink px-2 py-1 text-meta text-app shadow-float"
    >
      <span>{text}</span>
      {keys !== undefined && <Kbd tone="inverse" keys={keys} />}
    </div>
  );
}
