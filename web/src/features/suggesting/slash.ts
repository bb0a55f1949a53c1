/** The commands of the composer as data, and reading one: what begins with `/` and names a command is one. */

export type SlashName =
  | "ask"
  | "stop"
  | "steer"
  | "queue"
  | "again"
  | "undo"
  | "cost"
  | "invite"
  | "rename"
  | "topic"
  | "pin-fact"
  | "summary"
  | "catch-up"
  | "members"
  | "files"
  | "usage"
  | "search"
  | "leave"
  | "help";

export interface SlashCommand {
  readonly name: SlashName;
  readonly also?: readonly string[];
  /** What comes after it. */
  readonly words: "none" | "optional" | "required";
}

/** In the order in which they are offered. */
export const COMMANDS: readonly SlashCommand[] = [
  { name: "ask", words: "optional" },
  { name: "stop", words: "none" },
  { name: "steer", words: "required" },
  { name: "queue", words: "required" },
  { name: "again", also: ["regenerate"], words: "none" },
  { name: "undo", words: "none" },
  { name: "cost", also: ["estimate"], words: "required" },
  { name: "catch-up", also: ["catchup"], words: "none" },
  { name: "summary", words: "none" },
  { name: "pin-fact", also: ["remember", "fact"], words: "required" },
  { name: "invite", also: ["add"], words: "optional" },
  { name: "members", words: "none" },
  { name: "files", words: "none" },
  { name: "usage", words: "none" },
  { name: "search", also: ["find"], words: "required" },
  { name: "rename", words: "required" },
  { name: "topic", words: "required" },
  { name: "leave", words: "none" },
  { name: "help", words: "none" },
];

export type Line =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "command"; readonly command: SlashCommand; readonly rest: string }
  /** It looks like a command, and there is none of this name. */
  | { readonly kind: "unknown"; readonly name: string };

/** A path like `/etc/hosts` is text; `//` sends a line that begins with a slash. */
export function readLine(text: string): Line {
  if (!text.startsWith("/")) return { kind: "text", text };
  if (text.startsWith("//")) return { kind: "text", text: text.slice(1) };
  const found = /^\/([A-Za-z][A-Za-z-]*)(?=\s|$)/.exec(text);
  if (found === null) return { kind: "text", text };
  const name = (found[1] ?? "").toLowerCase();
  const command = COMMANDS.find((one) => one.name === name || one.also?.includes(name) === true);
  if (command === undefined) return { kind: "unknown", name };
  return { kind: "command", command, rest: text.slice(found[0].length).trim() };
}

/** What is written of a command's name while the caret is in it. */
export function commandAt(text: string, caret: number): string | undefined {
  const found = /^\/([A-Za-z-]*)$/.exec(text.slice(0, caret));
  return found?.[1]?.toLowerCase();
}

export function matchingCommands(query: string, allowed: readonly SlashCommand[]): readonly SlashCommand[] {
  const starts = (command: SlashCommand) =>
    command.name.startsWith(query) || command.also?.some((other) => other.startsWith(query)) === true;
  const has = (command: SlashCommand) => query.length > 1 && command.name.includes(query);
  return [...allowed.filter(starts), ...allowed.filter((one) => !starts(one) && has(one))];
}

/** The line with the whole name in the place of what was written of it. */
export function withCommand(text: string, caret: number, command: SlashCommand): { text: string; caret: number } {
  const rest = text.slice(caret).trimStart();
  const before = `/${command.name}${command.words === "none" && rest === "" ? "" : " "}`;
  return { text: before + rest, caret: before.length };
}
