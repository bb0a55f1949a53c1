/** Hears the keyboard for the whole page and hands each action to whoever said last that it does it. */

import { useEffect, useRef } from "react";
import { singleKeys } from "../preferences";
import { type ActionName, isSingle, keyLines, matches } from "./keys";

/** Answers `false` if there is nothing to do now: then the one before is asked. */
export type ActionHandler = () => unknown;

const handlers = new Map<ActionName, ActionHandler[]>();

export function offerAction(name: ActionName, handler: ActionHandler): () => void {
  const list = handlers.get(name) ?? [];
  handlers.set(name, [...list, handler]);
  return () => {
    const left = (handlers.get(name) ?? []).filter((one) => one !== handler);
    if (left.length === 0) handlers.delete(name);
    else handlers.set(name, left);
  };
}

/** Does `name` while the view is there; `handler` may be another one at each painting. */
export function useAction(name: ActionName, handler: ActionHandler, isOffered = true): void {
  const latest = useRef(handler);
  useEffect(() => {
    latest.current = handler;
  });
  useEffect(() => {
    if (!isOffered) return;
    return offerAction(name, () => latest.current());
  }, [name, isOffered]);
}

/** True if somebody did it. */
export function runAction(name: ActionName): boolean {
  for (const handler of [...(handlers.get(name) ?? [])].reverse()) {
    if (handler() !== false) return true;
  }
  return false;
}

/** What somebody would do now: for the palette. */
export function offeredActions(): readonly ActionName[] {
  return [...handlers.keys()];
}

const WITHOUT_TEXT = new Set(["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"]);

export function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !WITHOUT_TEXT.has(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}

/** Letters choose among the lines of a menu; a window over the page hides what a letter would act on. */
function takesLetters(target: EventTarget | null): boolean {
  if (isTextField(target)) return true;
  return (
    target instanceof Element && target.closest("[role=menu],[role=listbox],[role=dialog]:not([data-keys])") !== null
  );
}

export function hear(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  for (const line of keyLines) {
    const keys = line.actions.length === 0 ? undefined : line.keys.find((one) => matches(one, event));
    if (keys === undefined) continue;
    if (isSingle(keys) && (singleKeys.get() === "off" || takesLetters(event.target))) return;
    if (line.actions.some((name) => runAction(name))) event.preventDefault();
    return;
  }
}

/** Stands once, in the shell. */
export function useKeymap(): void {
  useEffect(() => {
    document.addEventListener("keydown", hear);
    return () => document.removeEventListener("keydown", hear);
  }, []);
}
