/** Where the keyboard goes on when a window over the page closes: at what opened it, or what holds the place of that. */

import { type RefObject, useEffect, useRef } from "react";

/** A line of a menu goes with its menu: the button that opened the menu stands for it. */
function lasting(from: Element | null): Element | null {
  const menu = from?.closest("[role=menu]") ?? null;
  if (menu === null) return from;
  return lasting(document.getElementById(menu.getAttribute("aria-labelledby") ?? ""));
}

/** What has the focus, and all around it that could have it instead, the innermost first. */
export function focusPath(): readonly HTMLElement[] {
  const path: HTMLElement[] = [];
  for (let at = lasting(document.activeElement); at !== null; at = at.parentElement) {
    if (at instanceof HTMLElement && at.tabIndex >= 0) path.push(at);
    else if (at instanceof HTMLElement && at.hasAttribute("tabindex")) path.push(at);
  }
  return path;
}

/** Leaves it where it is, if somebody has taken it meanwhile. */
export function focusAgain(path: readonly HTMLElement[]): void {
  const isLost = () => document.activeElement === null || document.activeElement === document.body;
  for (const place of path) {
    if (!isLost()) return;
    if (place.isConnected) place.focus();
  }
  if (isLost()) document.querySelector<HTMLElement>("main")?.focus();
}

/** For `onCloseAutoFocus` of a window that opens without a button of its own. */
export function useFocusBack(isOpen: boolean): (event: Event) => void {
  const path = useRef<readonly HTMLElement[]>([]);
  const wasOpen = useRef(false);
  // While it is painted: once it is there, the focus is in it.
  if (isOpen && !wasOpen.current) path.current = focusPath();
  wasOpen.current = isOpen;
  return (event) => {
    event.preventDefault();
    focusAgain(path.current);
  };
}

/** For a field that stands somewhere for a while: it takes the focus, and gives it back when it goes. */
export function useFocusHere(field: RefObject<HTMLTextAreaElement | null>): void {
  useEffect(() => {
    const box = field.current;
    const around = box?.parentElement?.closest<HTMLElement>("[tabindex]") ?? undefined;
    const before = [...focusPath(), ...(around === undefined ? [] : [around])];
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
    // Only once it is gone.
    return () => void setTimeout(() => focusAgain(before));
  }, [field]);
}
