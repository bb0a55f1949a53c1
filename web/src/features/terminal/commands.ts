/** Which of a room's tool calls are commands, and what their arguments say. */

import type { ToolCall } from "../../room/state";

export interface CommandCall {
  readonly call: ToolCall;
  /** undefined: the arguments are hidden, or are not what a command has. */
  readonly command: string | undefined;
  readonly folder: string;
}

const NAMES: ReadonlySet<string> = new Set(["execute_command", "job_start"]);

export function isCommand(call: Pick<ToolCall, "name" | "toolClass">): boolean {
  return NAMES.has(call.name) || call.toolClass === "terminal";
}

export function readCommand(call: ToolCall): CommandCall {
  const given = parsed(call.arguments);
  const command = textOf(given, "command");
  return { call, command, folder: textOf(given, "cwd") ?? "" };
}

/** As they were called. */
export function commandsOf(calls: ReadonlyMap<string, ToolCall>): readonly CommandCall[] {
  return [...calls.values()]
    .filter(isCommand)
    .sort((one, other) => one.seq - other.seq)
    .map(readCommand);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function textOf(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const found = Object.entries(value).find(([key]) => key === name)?.[1];
  return typeof found === "string" ? found : undefined;
}
