import { describe, expect, it } from "vitest";
import { type KeyPlace, type KeyPress, meaningOf } from "./keys";

const press = (key: string, more: Partial<KeyPress> = {}): KeyPress => ({
  key,
  shiftKey: false,
  altKey: false,
  ctrlKey: false,
  metaKey: false,
  isComposing: false,
  keyCode: 0,
  ...more,
});
const writing: KeyPlace = { isListOpen: false, isEmpty: false };
const choosing: KeyPlace = { isListOpen: true, isEmpty: false };

describe("a key in the composer", () => {
  it("sends with Enter, breaks the line with Shift, and queues with Alt", () => {
    expect(meaningOf(press("Enter"), writing)).toBe("send");
    expect(meaningOf(press("Enter", { shiftKey: true }), writing)).toBe("newline");
    expect(meaningOf(press("Enter", { altKey: true }), writing)).toBe("queue");
  });
  it("means nothing while an input method puts a word together", () => {
    for (const place of [writing, choosing]) {
      for (const key of ["Enter", "Escape", "ArrowDown", "ArrowUp", "Tab"]) {
        expect(meaningOf(press(key, { isComposing: true }), place)).toBeUndefined();
        expect(meaningOf(press(key, { keyCode: 229 }), place)).toBeUndefined();
      }
    }
  });
  it("moves in an open list and takes of it, and then Enter does not send", () => {
    expect(meaningOf(press("ArrowDown"), choosing)).toBe("next");
    expect(meaningOf(press("ArrowUp"), choosing)).toBe("previous");
    expect(meaningOf(press("Enter"), choosing)).toBe("take");
    expect(meaningOf(press("Tab"), choosing)).toBe("take");
    expect(meaningOf(press("Escape"), choosing)).toBe("close");
    expect(meaningOf(press("Tab", { shiftKey: true }), choosing)).toBeUndefined();
  });
  it("edits the last message with the arrow up only where nothing is written", () => {
    expect(meaningOf(press("ArrowUp"), { isListOpen: false, isEmpty: true })).toBe("edit_last");
    expect(meaningOf(press("ArrowUp"), writing)).toBeUndefined();
  });
});
