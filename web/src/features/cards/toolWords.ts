/** What a tool call is, read from its name and the JSON of its arguments as the model wrote it. */

import type { ToolCall } from "../../room/state";

export type ToolWord =
  | "command"
  | "job"
  | "jobs"
  | "stopJob"
  | "read"
  | "list"
  | "search"
  | "write"
  | "edit"
  | "move"
  | "delete"
  | "fetch"
  | "searchRoom"
  | "ask"
  | "remember"
  | "forget"
  | "files"
  | "save"
  | "attach"
  | "outside"
  | "other";

const WORDS: Readonly<Record<string, ToolWord>> = {
  execute_command: "command",
  job_start: "job",
  job_list: "jobs",
  job_tail: "jobs",
  job_stop: "stopJob",
  read_file: "read",
  list_files: "list",
  search_files: "search",
  write_file: "write",
  edit_file: "edit",
  move_file: "move",
  delete_file: "delete",
  fetch_url: "fetch",
  search_room: "searchRoom",
  ask_people: "ask",
  remember: "remember",
  forget: "forget",
  list_attachments: "files",
  read_attachment: "files",
  save_attachment: "save",
  attach_file: "attach",
};

export function toolWord(name: string): ToolWord {
  return Object.hasOwn(WORDS, name) ? (WORDS[name] ?? "other") : name.includes("__") ? "outside" : "other";
}

export interface Argument {
  readonly name: string;
  /** Text as it is; anything else as JSON. */
  readonly value: string;
}

/** By their names, in their order; undefined where they are no object, or name one thing twice. */
export function argumentsOf(json: string): readonly Argument[] | undefined {
  let found: unknown;
  try {
    found = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof found !== "object" || found === null || Array.isArray(found)) return undefined;
  const named = Object.entries(found).map(([name, value]) => ({
    name,
    value: typeof value === "string" ? value : JSON.stringify(value),
  }));
  return saysTwice(json) ? undefined : named;
}

/** The last of two equal names would win silently, and what is read would not be all that was written. */
function saysTwice(json: string): boolean {
  const names: Set<string>[] = [];
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [word] = found;
    if (word === "{" || word === "[") names.push(new Set());
    else if (word === "}" || word === "]") names.pop();
    else if (/^\s*:/.test(json.slice(token.lastIndex))) {
      const name: unknown = JSON.parse(word);
      const known = names.at(-1);
      if (typeof name !== "string" || known === undefined) continue;
      if (known.has(name)) return true;
      known.add(name);
    }
  }
  return false;
}

const SUBJECTS: Partial<Readonly<Record<ToolWord, readonly string[]>>> = {
  command: ["command"],
  job: ["command"],
  jobs: ["job_id"],
  stopJob: ["job_id"],
  read: ["path"],
  list: ["path"],
  search: ["query"],
  write: ["path"],
  edit: ["path"],
  move: ["source", "destination"],
  delete: ["path"],
  fetch: ["url"],
  searchRoom: ["query"],
  remember: ["text"],
  forget: ["fact"],
  files: ["file"],
  save: ["path"],
  attach: ["path"],
};

/**
 * What it is about in a line: a command, a path, an address; of a tool of others nobody knows which it is. `nameOfFile`
 * tells what a file of the room is called, if it can.
 */
export function subjectOf(call: ToolCall, nameOfFile: (id: string) => string | undefined): string {
  const word = toolWord(call.name);
  const named = argumentsOf(call.arguments) ?? [];
  const parts = (SUBJECTS[word] ?? []).map((name) => {
    const value = named.find((one) => one.name === name)?.value ?? "";
    return name === "file" ? (nameOfFile(value) ?? value) : value;
  });
  return parts.filter((part) => part !== "").join(" → ");
}

/** It prints as a terminal does. */
export function isTerminal(word: ToolWord): boolean {
  return word === "command" || word === "job" || word === "jobs";
}

/** A command may end with a status that says that it failed, and the call be ok. */
export function hasFailed(call: ToolCall): boolean {
  return call.state === "failed" || (call.state === "ok" && (call.exitStatus ?? 0) !== 0);
}

/** How many bytes the server left out of the middle of what was printed. */
export function leftOut(text: string): number | undefined {
  const found = /^\[… (\d+) bytes left out …\]$/m.exec(text);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}
