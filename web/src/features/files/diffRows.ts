/** A unified diff as rows to draw: which line it was, which it is, and what became of it. */

export interface DiffRow {
  readonly kind: "same" | "added" | "removed" | "gap" | "note";
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly text: string;
}

export interface DiffFile {
  readonly path: string;
  readonly rows: readonly DiffRow[];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;
const nowhere = { before: undefined, after: undefined };

/**
 * Reads what the server gives. It may be cut anywhere, which its last line says: what is no line of a diff is told as
 * it stands. Within a hunk its counts decide, so that a line that was `-- x` is not taken for the name of a file.
 */
export function diffFilesOf(text: string): readonly DiffFile[] {
  const files: { path: string; rows: DiffRow[] }[] = [];
  let before = 0;
  let after = 0;
  let oldLeft = 0;
  let newLeft = 0;
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const rows = () => {
    const last = files.at(-1);
    if (last !== undefined) return last.rows;
    const made = { path: "", rows: [] };
    files.push(made);
    return made.rows;
  };
  for (const [place, line] of lines.entries()) {
    const sign = line.charAt(0);
    const said = line.slice(1);
    const isWithin = oldLeft > 0 || newLeft > 0;
    if (sign === "\\") {
      rows().push({ ...nowhere, kind: "note", text: said.trim() });
    } else if (isWithin && sign === "+") {
      rows().push({ kind: "added", before: undefined, after: after++, text: said });
      newLeft -= 1;
    } else if (isWithin && sign === "-") {
      rows().push({ kind: "removed", before: before++, after: undefined, text: said });
      oldLeft -= 1;
    } else if (isWithin && (sign === " " || line === "")) {
      rows().push({ kind: "same", before: before++, after: after++, text: said });
      oldLeft -= 1;
      newLeft -= 1;
    } else if (line.startsWith("--- ") && lines[place + 1]?.startsWith("+++ ") === true) {
      files.push({ path: nameIn(line.slice(4), lines[place + 1]?.slice(4) ?? ""), rows: [] });
      oldLeft = 0;
      newLeft = 0;
    } else if (line.startsWith("+++ ") || /^(Index: |={20,}$)/.test(line)) {
      // Read with the line before it; or a line that only sets files apart.
    } else {
      const hunk = HUNK.exec(line);
      if (hunk === null) {
        if (line.trim() !== "") rows().push({ ...nowhere, kind: "note", text: line });
        continue;
      }
      if (rows().length > 0) rows().push({ ...nowhere, kind: "gap", text: "" });
      before = Number(hunk[1]);
      oldLeft = Number(hunk[2] ?? "1");
      after = Number(hunk[3]);
      newLeft = Number(hunk[4] ?? "1");
    }
  }
  return files;
}

function nameIn(old: string, now: string): string {
  const name = (now.startsWith("/dev/null") ? old : now).split("\t", 1)[0] ?? "";
  return name.replace(/^[ab]\//, "");
}

/** How many lines came, and how many went. */
export function countsOf(rows: readonly DiffRow[]): { readonly added: number; readonly removed: number } {
  return {
    added: rows.filter((row) => row.kind === "added").length,
    removed: rows.filter((row) => row.kind === "removed").length,
  };
}
