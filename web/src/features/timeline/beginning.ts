/** How a message begins, in a line without marks: for quotes and for what is read aloud. */

import type { Message } from "../../protocol/wire";
import { visible } from "../../ui/visible";
import { wordsOf } from "../plainWords";

const USUAL = 140;

export function cut(text: string, most: number): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

export function beginningOf(message: Pick<Message, "text" | "attachments">, file: string): string {
  const words = wordsOf(message.text.slice(0, 4 * USUAL));
  if (words !== "") return visible(cut(words, USUAL));
  return visible(message.attachments?.[0]?.name ?? file);
}
