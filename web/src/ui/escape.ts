/** Escape in a window: what has the focus may have something of its own that it ends first. */

/** For `onEscapeKeyDown`: a list that is open, words being edited, half a word of an input method. */
export function keepOpen(event: KeyboardEvent): void {
  const isForField = document.activeElement?.hasAttribute("data-keeps-escape") === true;
  if (event.isComposing || isForField) event.preventDefault();
}
