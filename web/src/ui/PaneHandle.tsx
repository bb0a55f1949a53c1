/** The edge of a pane, inside it: dragged, or moved with the arrow keys. The pane is `relative`. */

import { type KeyboardEvent, type PointerEvent, useRef } from "react";
import { classes } from "./classes";

export interface PaneHandleProps {
  readonly label: string;
  /** The width of the pane, in px. */
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly onChange: (value: number) => void;
  /** Where the pane lies, seen from the handle. */
  readonly pane: "left" | "right";
  /** The id of the pane. */
  readonly controls?: string;
}

const STEP = 16;

export function PaneHandle({ label, value, min, max, onChange, pane, controls }: PaneHandleProps) {
  const from = useRef<{ readonly x: number; readonly value: number } | undefined>(undefined);
  const grows = pane === "left" ? 1 : -1;
  const set = (next: number) => onChange(Math.round(Math.min(max, Math.max(min, next))));
  const down = (event: PointerEvent<HTMLDivElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    from.current = { x: event.clientX, value };
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    if (from.current !== undefined) set(from.current.value + (event.clientX - from.current.x) * grows);
  };
  const key = (event: KeyboardEvent<HTMLDivElement>) => {
    const next = {
      ArrowLeft: value - STEP * grows,
      ArrowRight: value + STEP * grows,
      Home: min,
      End: max,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    set(next);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: an <hr> cannot be moved; this separator has a value
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation="vertical"
      aria-valuenow={value}
      aria-valuemin={min}
      aria-valuemax={max}
      aria-controls={controls}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={() => {
        from.current = undefined;
      }}
      onKeyDown={key}
      className={classes(
        "absolute inset-y-0 z-10 w-2 cursor-col-resize touch-none outline-none",
        pane === "left" ? "-right-1" : "-left-1",
        "after:absolute after:inset-y-0 after:left-1/2 after:w-0.5 after:-translate-x-1/2 after:bg-transparent after:transition-colors",
        "hover:after:bg-accent/50 focus-visible:after:bg-accent",
      )}
    />
  );
}
