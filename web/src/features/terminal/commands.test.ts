import { expect, test } from "vitest";
import type { ToolCall } from "../../room/state";
import { commandsOf } from "./commands";

const call = (callId: string, seq: number, more: Partial<ToolCall> = {}): ToolCall => ({
  key: `t/${callId}`,
  turnId: "t",
  callId,
  aiId: "ai",
  askers: [],
  name: "execute_command",
  arguments: '{"command":"ls -l","cwd":"src"}',
  toolClass: undefined,
  state: "ok",
  approval: undefined,
  seq,
  calledAt: "2026-11-22T05:00:00.000Z",
  startedAt: undefined,
  finishedAt: undefined,
  text: "",
  code: undefined,
  exitStatus: undefined,
  taint: undefined,
  isRedacted: false,
  changed: undefined,
  undone: undefined,
  ...more,
});

test("commands and jobs are told in their order, other tools are not", () => {
  const calls = [
    call("late", 9),
    call("read", 5, { name: "read_file", toolClass: "read" }),
    call("job", 3, { name: "job_start", toolClass: "extended" }),
    call("outside", 7, { name: "time__now", toolClass: "terminal", arguments: "{}" }),
  ];
  const found = commandsOf(new Map(calls.map((one) => [one.key, one])));
  expect(found.map((one) => one.call.callId)).toEqual(["job", "outside", "late"]);
  expect(found.map((one) => [one.command, one.folder])).toEqual([
    ["ls -l", "src"],
    [undefined, ""],
    ["ls -l", "src"],
  ]);
});

test("arguments that are no command are hidden ones, never an error", () => {
  for (const json of ["", "{", "null", "[]", '"ls"', '{"command":5}']) {
    const [found] = commandsOf(new Map([["t/c", call("c", 1, { arguments: json })]]));
    expect(found?.command).toBeUndefined();
  }
});
