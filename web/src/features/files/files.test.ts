import { expect, test } from "vitest";
import type { FileChange, FilesChanged } from "../../protocol/wire";
import { changedSeq, changesOf, merged } from "./changes";
import { readCsv, separatorOf } from "./csv";
import { showingOf } from "./kinds";
import { foldersAbove, isWithin, joined, nameOf, parentOf, problemOf, tidied } from "./paths";
import { type Folder, isRow, linesOf, stepFrom } from "./tree";

test("paths are put together and taken apart", () => {
  expect(joined("", "a.txt")).toBe("a.txt");
  expect(joined("docs", "a.txt")).toBe("docs/a.txt");
  expect([parentOf("docs/x/a.txt"), parentOf("a.txt")]).toEqual(["docs/x", ""]);
  expect(nameOf("docs/a.txt")).toBe("a.txt");
  expect(foldersAbove("docs/x/a.txt")).toEqual(["docs", "docs/x"]);
  expect(tidied(" docs//./ x /a.txt/")).toBe("docs/x/a.txt");
  expect(isWithin("docs/x", "docs")).toBe(true);
  expect(isWithin("docs2/x", "docs")).toBe(false);
});

test("what the server would refuse of a path is found before it is sent", () => {
  expect(problemOf("docs/计划.md")).toBeUndefined();
  expect(problemOf("docs/..hidden")).toBeUndefined();
  expect(problemOf(" / ")).toBe("absolute");
  expect(problemOf("./")).toBe("empty");
  expect(problemOf("docs/../a")).toBe("upwards");
  expect(problemOf("docs\\a")).toBe("backslash");
  expect(problemOf("字".repeat(86))).toBe("long");
});

const entry = (name: string, kind = "file") => ({ name, kind, size: 1, modified_at: "2026-11-22T05:00:00.000Z" });
const folder = (...entries: ReturnType<typeof entry>[]): Folder => ({ entries, isCut: false, refusal: undefined });
const folders = new Map<string, Folder>([
  ["", folder(entry("file10"), entry("file2"), entry("src", "folder"), entry("docs", "folder"))],
  ["src", folder(entry("a.py"))],
  ["docs", folder()],
]);

test("folders come first, names as people sort them, and only what is open is seen", () => {
  expect(linesOf(folders, new Set()).map((line) => line.path)).toEqual(["docs", "src", "file2", "file10"]);
  const open = linesOf(folders, new Set(["src", "docs"]));
  expect(open.filter(isRow).map((row) => [row.path, row.level])).toEqual([
    ["docs", 1],
    ["src", 1],
    ["src/a.py", 2],
    ["file2", 1],
    ["file10", 1],
  ]);
  expect(open.find((line) => !isRow(line))).toMatchObject({ path: "docs", note: "empty" });
});

test("a folder that is being looked into says so, and one that may not be seen says why", () => {
  expect(linesOf(new Map(), new Set())).toMatchObject([{ note: "loading" }]);
  const refused = new Map([["", { entries: undefined, isCut: false, refusal: "No." }]]);
  expect(linesOf(refused, new Set())).toMatchObject([{ note: "refused", text: "No." }]);
});

test("arrow keys walk the tree", () => {
  const lines = linesOf(folders, new Set(["src"]));
  expect(stepFrom(lines, "docs", "ArrowRight")).toBe("open");
  expect(stepFrom(lines, "src", "ArrowLeft")).toBe("close");
  expect(stepFrom(lines, "src", "ArrowRight")).toEqual({ to: "src/a.py" });
  expect(stepFrom(lines, "src/a.py", "ArrowLeft")).toEqual({ to: "src" });
  expect(stepFrom(lines, "src/a.py", "ArrowDown")).toEqual({ to: "file2" });
  expect(stepFrom(lines, "docs", "ArrowUp")).toBeUndefined();
  expect(stepFrom(lines, "docs", "End")).toEqual({ to: "file10" });
  expect(stepFrom(lines, "file2", "ArrowRight")).toBeUndefined();
  expect(stepFrom(lines, "file2", "x")).toBeUndefined();
});

test("values are read as RFC 4180 writes them", () => {
  const text = '\ufeffa,"b, c",d\r\n"say ""hi""","two\nlines",\r\n1,2,3';
  expect(readCsv(text, ",", 10)).toEqual([
    ["a", "b, c", "d"],
    ['say "hi"', "two\nlines", ""],
    ["1", "2", "3"],
  ]);
  expect(readCsv("a\nb\nc\n", ",", 2)).toEqual([["a"], ["b"]]);
  expect(readCsv("", ",", 5)).toEqual([]);
  expect(readCsv('"never closed', ",", 5)).toEqual([["never closed"]]);
});

test("what separates the values is what the first line has most of, outside quotes", () => {
  expect(separatorOf("a,b,c\n1;2")).toBe(",");
  expect(separatorOf('a;"b,c,d,e";f')).toBe(";");
  expect(separatorOf("a\tb")).toBe("\t");
});

test("how a file is shown follows from the end of its name", () => {
  expect(showingOf("lag.CSV").as).toBe("table");
  expect(showingOf("a.tar.PNG").type).toBe("image/png");
  expect(showingOf("fanout.py").language).toBe("py");
  // A vector picture may hold anything: it is shown as the text it is.
  expect(showingOf("logo.svg").as).toBe("text");
  expect(showingOf(".gitignore").as).toBe("text");
});

const change = (path: string, kind: FileChange["kind"], more: Partial<FileChange> = {}): FileChange => ({
  path,
  kind,
  ...more,
});

test("several changes of a path are told as one, and what was made and taken away as none", () => {
  expect(
    merged([
      change("a", "added", { after: "1", added_lines: 2 }),
      change("a", "changed", { before: "1", after: "2", added_lines: 1 }),
      change("b", "added", { after: "3" }),
      change("b", "removed", { before: "3" }),
      change("c", "removed", { before: "4" }),
      change("c", "added", { after: "5" }),
      change("folder", "removed"),
    ]),
  ).toEqual([
    change("a", "added", { after: "2", added_lines: 3, removed_lines: 0 }),
    change("c", "changed", { before: "4", after: "5", added_lines: 0, removed_lines: 0 }),
    change("folder", "removed"),
  ]);
});

const event = (seq: number, more: Partial<FilesChanged>): FilesChanged => ({
  room_id: "r",
  seq,
  id: `e${seq}`,
  at: "2026-11-22T05:00:00.000Z",
  actor_id: "ai",
  type: "files_changed",
  changes: [change(`f${seq}`, "added")],
  before: `b${seq}`,
  after: `a${seq}`,
  ...more,
});

test("the changes of a turn are one entry from its first state to its last, those by hand one each", () => {
  const state = {
    calls: new Map(),
    notices: [event(7, { turn_id: "t", asked_by: ["mei"] }), event(5, { turn_id: "t" }), event(6, { actor_id: "sam" })],
  };
  const entries = changesOf(state);
  expect(entries.map((one) => [one.id, one.before, one.after, one.actorId])).toEqual([
    ["t", "b5", "a7", "ai"],
    ["e6", "b6", "a6", "sam"],
  ]);
  expect(changedSeq(state)).toBe(7);
});
