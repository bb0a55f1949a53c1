/** How a message begins, in a line without marks: for quotes and for what is read aloud. */

import type { Message } from "../../protocol/wire";
import { visible } from "../../ui/visible";

const USUAL = 140;

/** The words of Markdown; what code says is kept. */
export function wordsOf(markdown: string): string {
  return markdown
    .replace(/^ {0,3}(?:```|~~~).*$/gm, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^ {0,3}(?:#{1,6}|>|[-*+]|\d{1,9}[.)])[ \t]+/gm, "")
    .replace(/(\*\*|__|~~|`)/g, "")
    .replace(/(?<![\w*])([*_])(?=\S)([^*_\n]*\S)\1(?!\w)/g, "$2")
    .replace(/\s+/g, " ")
    .trim();
}

export function cut(text: string, most: number): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

export function beginningOf(message: Pick<Message, "text" | "attachments">, file: string): string {
  const words = wordsOf(message.text.slice(0, 4 * USUAL));
  if (words !== "") return visible(cut(words, USUAL));
  return visible(message.attachments?.[0]?.name ?? file);
}
