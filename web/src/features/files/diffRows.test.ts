import { createTwoFilesPatch } from "diff";
import { expect, test } from "vitest";
import { countsOf, diffFilesOf } from "./diffRows";

test("each line knows where it stood and where it stands", () => {
  const [file] = diffFilesOf("--- a/x.py\n+++ b/x.py\n@@ -3,3 +3,3 @@\n one\n-two\n+2\n three\n");
  expect(file?.path).toBe("x.py");
  expect(file?.rows.map((row) => [row.kind, row.before, row.after, row.text])).toEqual([
    ["same", 3, 3, "one"],
    ["removed", 4, undefined, "two"],
    ["added", undefined, 4, "2"],
    ["same", 5, 5, "three"],
  ]);
});

test("lines that look like names of files are lines where the hunk says so", () => {
  const [file, ...others] = diffFilesOf(
    "--- a/x.sql\n+++ b/x.sql\n@@ -1,2 +1,2 @@\n--- old\n-+++ old\n+++ new\n+++++ new\n",
  );
  expect(others).toEqual([]);
  expect(file?.rows.map((row) => [row.kind, row.text])).toEqual([
    ["removed", "-- old"],
    ["removed", "+++ old"],
    ["added", "++ new"],
    ["added", "++++ new"],
  ]);
});

test("several files, hunks with a gap between, new and deleted ones", () => {
  const files = diffFilesOf(
    "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+a\n\\ No newline at end of file\n" +
      "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n--- a/both\n+++ b/both\n@@ -1 +1 @@\n-c\n+d\n@@ -9 +9 @@\n-e\n+f\n",
  );
  expect(files.map((file) => file.path)).toEqual(["new", "old", "both"]);
  expect(files[0]?.rows.map((row) => row.kind)).toEqual(["added", "note"]);
  expect(files[2]?.rows.map((row) => row.kind)).toEqual(["removed", "added", "gap", "removed", "added"]);
});

test("what the server says in words is told, also in the middle of a hunk that was cut", () => {
  const words = "[the rest of the diff is left out: 300000 bytes in all]";
  const [file] = diffFilesOf(`--- a/x\n+++ b/x\n@@ -1,50 +1,50 @@\n-a\n${words}\n`);
  expect(file?.rows.at(-1)).toMatchObject({ kind: "note", text: words });
  const [link] = diffFilesOf("--- a/l\n+++ b/l\na link to x -> a link to y; no lines are compared\n");
  expect(link?.rows).toMatchObject([{ kind: "note" }]);
});

test("nothing differs where nothing is said", () => {
  expect(diffFilesOf("")).toEqual([]);
});

test("every line of what a diff is made of is in it, wherever the texts differ", () => {
  const lines = Array.from({ length: 30 }, (_, place) => `line ${place}`);
  for (let place = 0; place < lines.length; place += 1) {
    const other = lines.toSpliced(place, 1, "-- one", "++ two");
    const [file] = diffFilesOf(createTwoFilesPatch("x", "x", `${lines.join("\n")}\n`, `${other.join("\n")}\n`));
    expect(countsOf(file?.rows ?? [])).toEqual({ added: 2, removed: 1 });
    for (const row of file?.rows ?? []) {
      if (row.after !== undefined) expect(other[row.after - 1]).toBe(row.text);
      if (row.before !== undefined) expect(lines[row.before - 1]).toBe(row.text);
    }
  }
});
