/** Where the keyboard goes on when what had the focus goes: at what opened it, or at what is around it. */

import { type Ref, type RefObject, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";

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

const isLost = () => document.activeElement === null || document.activeElement === document.body;

/** Nobody has taken the focus elsewhere: it is in the part of the page that this stands in, or nowhere. */
export function isFocusNear(thing: HTMLElement | null): boolean {
  return isLost() || thing?.closest("section")?.contains(document.activeElement) === true;
}

/** The first that is still there takes the focus, if nobody has it. */
function focusFirstOf(path: readonly HTMLElement[], options?: FocusOptions): void {
  for (const place of path) {
    if (!isLost()) return;
    if (place.isConnected) place.focus(options);
  }
}

/** Leaves it where it is, if somebody has taken it meanwhile. */
export function focusAgain(path: readonly HTMLElement[]): void {
  focusFirstOf(path);
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

/**
 * For a thing to press that may go when it was pressed, by whatever way: what is around it has the focus then.
 *
 * What goes with all that is around it (a window) leaves this to that, and so does what has a plan of its own.
 */
export function useFocusLeft<Thing extends HTMLElement>(outer: Ref<Thing> | undefined): RefObject<Thing | null> {
  const thing = useRef<Thing>(null);
  const around = useRef<readonly HTMLElement[]>([]);
  useImperativeHandle(outer, () => thing.current as Thing);
  useLayoutEffect(
    () => () => {
      around.current = document.activeElement === thing.current ? focusPath() : [];
    },
    [],
  );
  // After those around it, which say where it shall go.
  useEffect(
    () => () => {
      const path = around.current;
      // A list may hold it: what one reads must not move.
      if (path.length > 0) setTimeout(() => focusFirstOf(path, { preventScroll: true }));
    },
    [],
  );
  return thing;
}
