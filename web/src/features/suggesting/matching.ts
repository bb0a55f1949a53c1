/** How well a name or a phrase fits what was written: 0 is not at all, 1 is best. */

import { initialsOf } from "./pinyin";

export interface LineWords {
  /** What the line is called: the first counts most. Letters of a name may have others between them. */
  readonly names?: readonly string[];
  /** What it says: by the beginnings of its words. */
  readonly phrase?: string;
  /** What else is known of it, which is meant only where a word begins so. After all names. */
  readonly topic?: string;
}

/** Every word that was written must fit one of the line's words; the worst of them counts. */
export function fitOf(written: string, { names = [], phrase = "", topic = "" }: LineWords): number {
  const parts = written
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter((part) => part !== "");
  if (parts.length === 0) return 1;
  const called = names.flatMap((name, place) => {
    const late = place === 0 ? 0 : 0.15;
    return withInitials(name).map((word) => ({ word, late }));
  });
  const said = phrase.toLocaleLowerCase();
  const about = topic.toLocaleLowerCase();
  const best = (part: string) =>
    Math.max(
      0,
      ...called.map(({ word, late }) => (together(part, word) || scattered(part, word)) - late),
      begins(plain(part), said) ? 0.8 : initialsOf(phrase).includes(plain(part)) ? 0.5 : 0,
      begins(plain(part), about) ? 0.01 : 0,
    );
  return Math.min(...parts.map(best));
}

/** Only by its topic. */
export function isByTopic(fit: number): boolean {
  return fit > 0 && fit <= 0.01;
}

function withInitials(text: string): readonly string[] {
  return [text.toLocaleLowerCase(), initialsOf(text)].filter((one) => one !== "");
}

const plain = (part: string) => part.replace(/^[#@]/, "");

function together(part: string, word: string): number {
  const letters = plain(part);
  if (letters === "") return 0.5;
  if (word.startsWith(letters)) return 1;
  if (begins(letters, word)) return 0.8;
  return word.includes(letters) ? 0.5 : 0;
}

/** A word of the text begins so. Chinese has no spaces: with any sign a word may begin. */
function begins(letters: string, text: string): boolean {
  if (letters === "") return false;
  if (/^\p{Script=Han}/u.test(letters)) return text.includes(letters);
  for (let at = text.indexOf(letters); at >= 0; at = text.indexOf(letters, at + 1)) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(text.charAt(at - 1)) || /\p{Script=Han}/u.test(text.charAt(at - 1)))
      return true;
  }
  return false;
}

/** The letters come in this order, with others between them: `dplr` is in deploy-room. */
function scattered(part: string, word: string): number {
  const letters = plain(part);
  if (letters.length < 2) return 0;
  let at = -1;
  for (const letter of letters) {
    at = word.indexOf(letter, at + 1);
    if (at < 0) return 0;
  }
  return 0.2;
}
