/** Handles as people write them into a field: with an @ or without, several apart from each other. */

const BETWEEN = /[\s,，、;；]+/u;
const AT = /^[@＠]/u;

export function withoutAt(text: string): string {
  return text.trim().replace(AT, "");
}

/** `@mei, sam` as mei and sam. */
export function handlesIn(text: string): readonly string[] {
  const names = text.split(BETWEEN).map(withoutAt);
  return [...new Set(names.filter((name) => name !== ""))];
}

/** The handle that is being written: where it begins, and what there is of it without its @. */
export function wordAtEnd(text: string): { readonly start: number; readonly query: string } {
  const word = text.split(BETWEEN).at(-1) ?? "";
  return { start: text.length - word.length, query: withoutAt(word) };
}
