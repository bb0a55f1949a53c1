/** Where the keyboard begins in a window that opens: at what it is for, and not at the button that closes it. */

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
