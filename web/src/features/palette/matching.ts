/** How well a line of the palette fits what was written: 0 is not at all, 1 is best. */

import { initialsOf } from "./pinyin";

/** Every word that was written must fit one of the line's words; the worst of them counts. */
export function fitOf(written: string, words: readonly string[]): number {
  const parts = written
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter((part) => part !== "");
  if (parts.length === 0) return 1;
  const among = words.flatMap((word, place) => {
    // The name comes before what else is known of it.
    const late = place === 0 ? 0 : 0.15;
    return [word.toLocaleLowerCase(), initialsOf(word)].filter((one) => one !== "").map((one) => ({ word: one, late }));
  });
  const best = (part: string) => Math.max(0, ...among.map(({ word, late }) => likeness(part, word) - late));
  return Math.min(...parts.map(best));
}

function likeness(part: string, word: string): number {
  const plain = part.replace(/^[#@]/, "");
  if (plain === "") return 0.5;
  if (word.startsWith(plain)) return 1;
  if (word.split(/[\s/._:#@-]+/u).some((one) => one.startsWith(plain))) return 0.8;
  if (word.includes(plain)) return 0.5;
  return plain.length > 1 && isScattered(plain, word) ? 0.2 : 0;
}

/** The letters come in this order, with others between them: `dplr` is in deploy-room. */
function isScattered(letters: string, word: string): boolean {
  let at = -1;
  for (const letter of letters) {
    at = word.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}
