import { describe, expect, test } from "vitest";
import { argumentsOf, leftOut, toolWord } from "./toolWords";

describe("arguments", () => {
  test("are told by name in their order, text as it is and the rest as JSON", () => {
    expect(argumentsOf('{"path": "a\\nb", "offset": 2, "deep": {"x": [1]}}')).toEqual([
      { name: "path", value: "a\nb" },
      { name: "offset", value: "2" },
      { name: "deep", value: '{"x":[1]}' },
    ]);
  });

  test("that name one thing twice are not told by name, for only one of them would be seen", () => {
    expect(argumentsOf('{"command": "ls", "command": "rm -rf x"}')).toBeUndefined();
    expect(argumentsOf('{"a": {"b": 1, "\\u0062": 2}}')).toBeUndefined();
  });

  test("may say the same name in different places, and as values", () => {
    expect(argumentsOf('{"a": {"x": 1}, "b": {"x": 2}, "c": ["x", "x"], "d": "x"}')).toHaveLength(4);
  });

  test("that are no object are not told by name", () => {
    for (const json of ["", "[1]", "3", "null", "{", '"a"']) expect(argumentsOf(json)).toBeUndefined();
  });
});

test("a tool of an outside server is known by its two names, and no word of a prototype is a tool", () => {
  expect(toolWord("time__now")).toBe("outside");
  expect(toolWord("toString")).toBe("other");
  expect(toolWord("execute_command")).toBe("command");
});

test("what was left out of an output is read from its own line only", () => {
  expect(leftOut("a\n[… 4096 bytes left out …]\nb")).toBe(4096);
  expect(leftOut("echo [… 4096 bytes left out …]")).toBeUndefined();
});
