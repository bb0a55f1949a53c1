/** Where the keyboard begins in a window that opens: at what it is for, and not at the button that closes it. */

import { isTouched } from "./touch";

const FIELDS = 'input:not([type="hidden"], [type="file"], :disabled), textarea:not(:disabled), [role="combobox"]';
const PLACES = ['[aria-current="page"]', FIELDS, "a[href], button:not(:disabled, [data-closes])"];

const isSeen = (place: HTMLElement) => place.getClientRects().length > 0 && place.tabIndex >= 0;

/** For `onOpenAutoFocus`: the current of several pages, else the first field, else the first thing to press. */
export function focusFirst(event: Event): void {
  const box = event.currentTarget;
  if (!(box instanceof HTMLElement)) return;
  event.preventDefault();
  for (const places of PLACES) {
    const first = [...box.querySelectorAll<HTMLElement>(places)].find(isSeen);
    if (first === undefined) continue;
    first.focus();
    return;
  }
  box.focus();
}

/** For `onOpenAutoFocus`, where the place comes later than the window; whoever has gone elsewhere meanwhile stays there. */
export function beginAt(place: string): (event: Event) => void {
  return (event) => {
    const box = event.currentTarget;
    if (!(box instanceof HTMLElement)) return;
    event.preventDefault();
    box.focus();
    // A field would bring up the keyboard, over what one came to read.
    if (isTouched()) return;
    const begin = () => {
      const found = box.querySelector<HTMLElement>(place);
      const isOver = document.activeElement !== box || !box.isConnected;
      if (!isOver) found?.focus();
      return isOver || found !== null;
    };
    if (begin()) return;
    const comes = new MutationObserver(() => {
      if (begin()) comes.disconnect();
    });
    comes.observe(box, { childList: true, subtree: true });
  };
}
