import { expect, test } from "vitest";
import { diffFiles } from "./unified";

const kinds = (diff: string) => diffFiles(diff).map((file) => [file.path, file.rows.map((row) => row.kind)]);

test("lines are told with their numbers on both sides", () => {
  const [file] = diffFiles("--- a/x.py\n+++ b/x.py\n@@ -3,3 +3,3 @@\n one\n-two\n+zwei\n three\n");
  expect(file?.path).toBe("x.py");
  expect(file?.rows).toEqual([
    { kind: "same", before: 3, after: 3, text: "one" },
    { kind: "removed", before: 4, after: undefined, text: "two" },
    { kind: "added", before: undefined, after: 4, text: "zwei" },
    { kind: "same", before: 5, after: 5, text: "three" },
  ]);
});

test("a removed line that looks like the head of a file is a line", () => {
  expect(kinds("--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,1 @@\n--- a comment\n kept\n")).toEqual([
    ["q.sql", ["removed", "same"]],
  ]);
});

test("several files, new and removed ones, and a gap between hunks", () => {
  expect(
    kinds(
      "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n" +
        "--- a/two\n+++ b/two\n@@ -1 +1 @@\n-x\n+y\n@@ -9 +9 @@\n-x\n+y\n",
    ),
  ).toEqual([
    ["new", ["added"]],
    ["old", ["removed"]],
    ["two", ["removed", "added", "skipped", "removed", "added"]],
  ]);
});

test("what the server says in words, and a diff that was cut, are told as notes", () => {
  expect(kinds("--- a/run\n+++ b/run\nmode 644 -> 755\n")).toEqual([["run", ["note"]]]);
  expect(kinds("--- a/x\n+++ b/x\n@@ -1,9 +1,9 @@\n-a\n[the rest of the diff is left out: 9 bytes in all]\n")).toEqual([
    ["x", ["removed", "note"]],
  ]);
  expect(kinds("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n")).toEqual([
    ["x", ["removed", "added", "note"]],
  ]);
});
