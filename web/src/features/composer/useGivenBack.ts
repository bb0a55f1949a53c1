/** The field takes what comes back to its place, and the caret stays where one writes. */

import { type RefObject, useEffect, useState } from "react";
import { before, takeBack } from "./givenBack";

export interface GivenBackParts {
  readonly place: string;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly text: string;
  readonly isComposing: boolean;
  readonly write: (next: string, at: number) => void;
  readonly moveTo: (at: number) => void;
  /** What stands in the field since. */
  readonly onGiven: (text: string) => void;
}

export function useGivenBack({ place, field, text, isComposing, write, moveTo, onGiven }: GivenBackParts): void {
  const [back, setBack] = useState("");
  useEffect(() => takeBack(place, (words) => setBack((others) => before(others, words))), [place]);
  useEffect(() => {
    // An input method still puts a word together: another text would break it off.
    if (back === "" || isComposing) return;
    setBack("");
    const next = before(back, text);
    const was = field.current?.selectionStart ?? text.length;
    const at = text.trim() === "" ? next.length : was + next.length - text.length;
    write(next, at);
    onGiven(next);
    if (document.activeElement === field.current) moveTo(at);
  }, [back, isComposing, text, field, write, moveTo, onGiven]);
}
