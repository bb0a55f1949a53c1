/** The workspace's folders as far as they were looked into, as the rows of a tree. */

import type { WorkspaceEntry } from "../../protocol/api";
import { joined } from "./paths";

export interface Folder {
  /** undefined: it is being looked into. */
  readonly entries: readonly WorkspaceEntry[] | undefined;
  readonly isCut: boolean;
  readonly refusal: string | undefined;
}

export interface TreeRow {
  readonly path: string;
  readonly name: string;
  readonly kind: "folder" | "file" | "link" | "special";
  readonly size: number;
  readonly modifiedAt: string;
  /** 1 for what lies in the workspace itself. */
  readonly level: number;
  readonly isOpen: boolean;
  readonly place: number;
  readonly siblings: number;
}

export interface TreeNote {
  readonly path: string;
  readonly level: number;
  readonly note: "loading" | "empty" | "cut" | "refused";
  readonly text: string;
}

export type TreeLine = TreeRow | TreeNote;

export const isRow = (line: TreeLine): line is TreeRow => "kind" in line;

const kinds: Readonly<Record<string, TreeRow["kind"]>> = { folder: "folder", file: "file", link: "link" };

/** Folders first, then by name as people sort: `file2` before `file10`. */
export function sorted(entries: readonly WorkspaceEntry[]): readonly WorkspaceEntry[] {
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  return [...entries].sort(
    (one, other) =>
      Number(other.kind === "folder") - Number(one.kind === "folder") || order.compare(one.name, other.name),
  );
}

export function linesOf(
  folders: ReadonlyMap<string, Folder>,
  open: ReadonlySet<string>,
  path = "",
  level = 1,
): readonly TreeLine[] {
  const folder = folders.get(path);
  if (folder === undefined || (folder.entries === undefined && folder.refusal === undefined)) {
    return [{ path, level, note: "loading", text: "" }];
  }
  if (folder.entries === undefined) return [{ path, level, note: "refused", text: folder.refusal ?? "" }];
  if (folder.entries.length === 0) return [{ path, level, note: "empty", text: "" }];
  const entries = sorted(folder.entries);
  const lines = entries.flatMap((entry, place): TreeLine[] => {
    const own = joined(path, entry.name);
    const kind = kinds[entry.kind] ?? "special";
    const isOpen = kind === "folder" && open.has(own);
    const row: TreeRow = {
      path: own,
      name: entry.name,
      kind,
      size: entry.size,
      modifiedAt: entry.modified_at,
      level,
      isOpen,
      place: place + 1,
      siblings: entries.length,
    };
    return isOpen ? [row, ...linesOf(folders, open, own, level + 1)] : [row];
  });
  return folder.isCut ? [...lines, { path, level, note: "cut", text: "" }] : lines;
}

/** Where an arrow key leads from a row; undefined: nowhere. `open` and `close` are about the row itself. */
export function stepFrom(
  lines: readonly TreeLine[],
  path: string,
  key: string,
): { readonly to: string } | "open" | "close" | undefined {
  const rows = lines.filter(isRow);
  const place = rows.findIndex((row) => row.path === path);
  const row = rows[place];
  if (row === undefined) return undefined;
  const to = (next: TreeRow | undefined) => (next === undefined ? undefined : { to: next.path });
  switch (key) {
    case "ArrowDown":
      return to(rows[place + 1]);
    case "ArrowUp":
      return to(rows[place - 1]);
    case "Home":
      return to(rows[0]);
    case "End":
      return to(rows.at(-1));
    case "ArrowRight": {
      if (row.kind !== "folder") return undefined;
      if (!row.isOpen) return "open";
      const first = rows[place + 1];
      return first !== undefined && first.level > row.level ? to(first) : undefined;
    }
    case "ArrowLeft":
      if (row.isOpen) return "close";
      return to(rows.slice(0, place).findLast((one) => one.level < row.level));
    default:
      return undefined;
  }
}
