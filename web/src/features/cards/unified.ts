/** Reads a unified diff as the server writes it: also one that was cut, and with words where no lines are compared. */

export interface DiffRow {
  readonly kind: "added" | "removed" | "same" | "skipped" | "note";
  /** Line numbers, counted from 1. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly text: string;
}

export interface DiffFile {
  readonly path: string;
  readonly rows: readonly DiffRow[];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

interface Reading {
  path: string;
  rows: DiffRow[];
}

export function diffFiles(diff: string): readonly DiffFile[] {
  const files: Reading[] = [];
  let file: Reading | undefined;
  // How many lines of the hunk are still to come: only they may begin with any sign.
  let left = { before: 0, after: 0 };
  let at = { before: 0, after: 0 };
  const put = (row: DiffRow) => {
    if (file === undefined) {
      file = { path: "", rows: [] };
      files.push(file);
    }
    file.rows.push(row);
  };
  const lines = diff.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const line of lines) {
    const [sign] = line;
    const text = line.slice(1);
    const isInHunk = left.before > 0 || left.after > 0;
    if (isInHunk && sign === "+" && left.after > 0) {
      put({ kind: "added", before: undefined, after: at.after, text });
      left.after -= 1;
      at.after += 1;
    } else if (isInHunk && sign === "-" && left.before > 0) {
      put({ kind: "removed", before: at.before, after: undefined, text });
      left.before -= 1;
      at.before += 1;
    } else if (isInHunk && sign === " ") {
      put({ kind: "same", before: at.before, after: at.after, text });
      left = { before: left.before - 1, after: left.after - 1 };
      at = { before: at.before + 1, after: at.after + 1 };
    } else if (line.startsWith("--- ")) {
      file = { path: nameOf(line.slice(4)), rows: [] };
      files.push(file);
      left = { before: 0, after: 0 };
    } else if (line.startsWith("+++ ") && file !== undefined) {
      const name = nameOf(line.slice(4));
      if (name !== "") file.path = name;
    } else {
      const head = HUNK.exec(line);
      if (head === null) {
        put({ kind: "note", before: undefined, after: undefined, text: line.replace(/^\\ /, "") });
        continue;
      }
      if (file?.rows.some((row) => row.kind !== "note")) {
        put({ kind: "skipped", before: undefined, after: undefined, text: "" });
      }
      at = { before: Number(head[1]), after: Number(head[3]) };
      left = { before: Number(head[2] ?? 1), after: Number(head[4] ?? 1) };
    }
  }
  return files;
}

/** Without the side; empty for what is not there. */
function nameOf(label: string): string {
  return label === "/dev/null" ? "" : label.replace(/^[ab]\//, "").replace(/\t.*$/, "");
}
