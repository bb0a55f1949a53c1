/** A text without its marks, for a line that only tells how it begins. */

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
