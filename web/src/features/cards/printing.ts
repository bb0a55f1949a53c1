/** What was printed, as a terminal shows it. The server has taken out already what steers one. */

/** The last lines, and how many stand before them. */
export function lastLines(text: string, most: number): { readonly text: string; readonly before: number } {
  const trimmed = text.replace(/\n+$/, "");
  let from = trimmed.length;
  for (let count = 0; count < most; count += 1) {
    const at = trimmed.lastIndexOf("\n", from - 1);
    if (at < 0 || from === 0) return { text: trimmed, before: 0 };
    from = at;
  }
  return { text: trimmed.slice(from + 1), before: trimmed.slice(0, from).split("\n").length };
}

/** A carriage return goes back to the beginning of its line, and what comes then is written over what stood there. */
export function asShown(text: string): string {
  if (!text.includes("\r")) return text;
  return text
    .split("\n")
    .map((line) => (line.includes("\r") ? overwritten(line) : line))
    .join("\n");
}

function overwritten(line: string): string {
  let shown = "";
  for (const part of line.split("\r")) shown = part + shown.slice(part.length);
  return shown;
}
