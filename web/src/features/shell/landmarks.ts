/** F6 goes from part to part of the page: rooms, room, the field, the pane beside it. */

import { useAction } from "./keymap";

const PARTS = "[data-landmark]";
/** The first of these that is there: what is marked, the Tab stop of a list, anything at all. */
const INSIDE = [
  "[data-landmark-focus]",
  "[tabindex='0']",
  "a[href],button:not(:disabled),input:not(:disabled),select,textarea",
] as const;

function isSeen(part: HTMLElement): boolean {
  return part.getClientRects().length > 0;
}

/** The part itself is named when it gets the focus, unless it says what in it should have it. */
function focusIn(part: HTMLElement): void {
  const inside = INSIDE.map((which) => part.querySelector<HTMLElement>(which)).find((found) => found !== null);
  (inside ?? part).focus();
}

export function focusLandmark(step: 1 | -1): boolean {
  const parts = [...document.querySelectorAll<HTMLElement>(PARTS)].filter(isSeen);
  if (parts.length === 0) return false;
  // The innermost one that has the focus: a field may stand within the room.
  const at = parts.findLastIndex((part) => part.contains(document.activeElement));
  const next = at === -1 ? (step === 1 ? 0 : parts.length - 1) : (at + step + parts.length) % parts.length;
  const part = parts[next];
  if (part !== undefined) focusIn(part);
  return true;
}

export function useLandmarks(): void {
  useAction("nextLandmark", () => focusLandmark(1));
  useAction("previousLandmark", () => focusLandmark(-1));
}
