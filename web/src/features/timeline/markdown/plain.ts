/** Tells words in which nothing can be Markdown: most of what people say, and reading it as Markdown is what costs. */

// No sign that begins or ends anything, and no address: what is left out here is only read the long way.
const SAFE = /^[\p{L}\p{M}\p{N} \n,;:.?!'"()%€£$…–—“”‘’„«»·、。，；：？！（）《》「」『』【】-]+$/u;
/** A list, a rule, a line under a title, code by its blanks; blanks at an end that mean a break; an empty line. */
const LINES = /(?:^|\n)(?: |-|\n|\d{1,9}[.)])| (?:\n|$)/;
const ADDRESS = /www\./i;

/** The words of the one paragraph that they are; undefined: they are to be read. */
export function plainWords(text: string): string | undefined {
  const words = text.replace(/\n+$/, "");
  return SAFE.test(words) && !LINES.test(words) && !ADDRESS.test(words) ? words : undefined;
}
