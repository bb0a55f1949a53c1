/** What is pointed with. */

/** A finger: where a field takes the focus, a keyboard comes up over the page. */
export function isTouched(): boolean {
  return window.matchMedia("(pointer: coarse)").matches;
}
