/** What a key means in the composer: never anything while an input method still puts a word together. */

export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly isComposing: boolean;
  readonly keyCode: number;
}

export interface KeyPlace {
  /** A list of names or commands is open, and has something to take. */
  readonly isListOpen: boolean;
  readonly isEmpty: boolean;
}

export type KeyMeaning = "send" | "queue" | "newline" | "edit_last" | "next" | "previous" | "take" | "close" | "leave";

/** Undefined: the key does what keys do. */
export function meaningOf(press: KeyPress, place: KeyPlace): KeyMeaning | undefined {
  // Safari tells the Enter that ends a composition after its end, with the code of a key that is being composed.
  if (press.isComposing || press.keyCode === 229) return undefined;
  const isPlain = !(press.shiftKey || press.altKey || press.ctrlKey || press.metaKey);
  if (place.isListOpen && isPlain) {
    if (press.key === "ArrowDown") return "next";
    if (press.key === "ArrowUp") return "previous";
    if (press.key === "Enter" || press.key === "Tab") return "take";
    if (press.key === "Escape") return "close";
  }
  if (press.key === "Escape" && isPlain) return "leave";
  if (press.key === "ArrowUp" && isPlain && place.isEmpty) return "edit_last";
  if (press.key !== "Enter") return undefined;
  if (press.shiftKey) return "newline";
  return press.altKey ? "queue" : "send";
}
