/** The focus stays with a member whose row goes to another part of the list; with one who goes, it goes to the pane. */

import { type FocusEvent, type RefObject, useLayoutEffect, useRef } from "react";

export interface RowFocus {
  readonly ref: RefObject<HTMLDivElement | null>;
  readonly onFocus: (event: FocusEvent) => void;
  readonly onBlur: (event: FocusEvent) => void;
}

/** For the box around all rows; each row names its member in `data-member`. */
export function useRowFocus(): RowFocus {
  const ref = useRef<HTMLDivElement>(null);
  const held = useRef<string>(undefined);
  // At each painting: a row that was taken away says nothing of its focus.
  useLayoutEffect(() => {
    if (held.current === undefined || document.activeElement !== document.body) return;
    const row = ref.current?.querySelector(`[data-member="${CSS.escape(held.current)}"]`);
    const next = row?.querySelector<HTMLElement>("button") ?? ref.current?.closest<HTMLElement>("[role=tabpanel]");
    next?.focus();
  });
  return {
    ref,
    onFocus: (event) => {
      if (event.target instanceof Element && ref.current?.contains(event.target) === true) {
        held.current = event.target.closest<HTMLElement>("[data-member]")?.dataset.member;
      }
    },
    onBlur: () => {
      held.current = undefined;
    },
  };
}
