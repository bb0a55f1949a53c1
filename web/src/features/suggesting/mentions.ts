/** Whom or which file an `@` that is being written may mean: the word at the caret, who fits it, and the text with one put in. */

import type { Member } from "../../protocol/wire";
import type { FileHit } from "./suggestion";

export type MentionKind = "person" | "bot" | "ai" | "default_ai" | "group";

export interface Mentionable {
  readonly key: string;
  readonly kind: MentionKind;
  /** What stands after the @. */
  readonly handle: string;
  /** Empty for a group: what it means is said in the reader's language. */
  readonly name: string;
  readonly isOnline: boolean;
}

export interface MentionPlace {
  /** Where the @ stands. */
  readonly start: number;
  readonly query: string;
}

export const GROUPS = ["all", "here", "owner", "admin", "member", "guest"] as const;
/** Those that are offered before a letter of them is written. */
const COMMON_GROUPS: ReadonlySet<string> = new Set(["all", "here"]);

// As the server finds mentions: Chinese, Japanese and Korean may touch one, other letters may not.
const UNSPACED = "\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7a3";
const LETTER = `(?![${UNSPACED}])[\\p{L}\\p{N}_]`;
const AT_CARET = new RegExp(`(?<!${LETTER})(?<![@./\\\\+-])@([^\\s@\`]{0,200})$`, "u");
const WHOLE = new RegExp(`(?<!${LETTER})(?<![@./\\\\+-])@([A-Za-z0-9][A-Za-z0-9_.-]{0,31})(?!${LETTER})(?!@)`, "gu");

/** The mention that is being written at the caret; none in code. */
export function mentionAt(text: string, caret: number): MentionPlace | undefined {
  const before = text.slice(0, caret);
  const found = AT_CARET.exec(before);
  if (found === null || isInCode(before)) return undefined;
  const query = found[1] ?? "";
  return { start: caret - query.length - 1, query };
}

function isInCode(before: string): boolean {
  const fences = before.split("\n").filter((line) => /^ {0,3}(```|~~~)/.test(line)).length;
  if (fences % 2 === 1) return true;
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return (line.match(/`/g)?.length ?? 0) % 2 === 1;
}

/** Everyone who can be mentioned in a room: its AIs first, then people, those who are here before the others. */
export function mentionables(
  members: Iterable<Member>,
  meId: string,
  online: ReadonlySet<string>,
  defaultAi: string | undefined,
): readonly Mentionable[] {
  const others = [...members].filter((member) => member.account_id !== meId);
  const ais = others.filter((member) => member.kind === "ai");
  const first = ais.find((ai) => ai.account_id === defaultAi);
  const sorted = [...ais].sort((one, other) => Number(other === first) - Number(one === first) || byName(one, other));
  const people = others
    .filter((member) => member.kind !== "ai")
    .sort(
      (one, other) => Number(online.has(other.account_id)) - Number(online.has(one.account_id)) || byName(one, other),
    );
  return [
    ...sorted.map((ai): Mentionable => ({ ...plain(ai, online), kind: ai === first ? "default_ai" : "ai" })),
    ...people.map((member) => plain(member, online)),
    ...GROUPS.map((group): Mentionable => ({ key: group, kind: "group", handle: group, name: "", isOnline: false })),
  ];
}

const byName = (one: Member, other: Member) => one.display_name.localeCompare(other.display_name);

function plain(member: Member, online: ReadonlySet<string>): Mentionable {
  return {
    key: member.account_id,
    kind: member.kind === "bot" ? "bot" : "person",
    handle: member.handle,
    name: member.display_name,
    isOnline: online.has(member.account_id),
  };
}

/** Those that fit what was written, the best first: the handle's or name's beginning, a word's, then anywhere. */
export function matchingMentions(
  query: string,
  all: readonly Mentionable[],
  atMost: number = 8,
): readonly Mentionable[] {
  if (query === "") return all.filter((one) => one.kind !== "group" || COMMON_GROUPS.has(one.handle)).slice(0, atMost);
  const wanted = query.toLocaleLowerCase();
  return all
    .map((one) => ({ one, rank: rankOf(one, wanted) }))
    .filter((ranked) => ranked.rank < NO_MATCH)
    .sort((a, b) => a.rank - b.rank)
    .slice(0, atMost)
    .map((ranked) => ranked.one);
}

const NO_MATCH = 9;

function rankOf(one: Mentionable, wanted: string): number {
  const handle = one.handle.toLowerCase();
  const name = one.name.toLocaleLowerCase();
  const late = one.kind === "group" ? 0.5 : 0;
  if (handle === wanted || (wanted === "ai" && one.kind === "default_ai")) return 0 + late;
  if (handle.startsWith(wanted)) return 1 + late;
  if (name.startsWith(wanted)) return 2;
  if (name.split(/[\s._-]+/u).some((word) => word.startsWith(wanted))) return 3;
  // One letter somewhere in the middle of a word means nobody.
  if (wanted.length < 2 && /^[a-z0-9]$/.test(wanted)) return NO_MATCH;
  return handle.includes(wanted) || name.includes(wanted) ? 4 + late : NO_MATCH;
}

export interface Written {
  readonly text: string;
  readonly caret: number;
}

/** The text with the handle in the place of what was written of it, and the caret after a blank. */
export function withMention(text: string, place: MentionPlace, caret: number, handle: string): Written {
  return withWords(text, place, caret, `@${handle}`);
}

/** The same with the path of a file, as code: then it is read as it stands. A folder is gone into. */
export function withFile(text: string, place: MentionPlace, caret: number, { path, isFolder }: FileHit): Written {
  if (!isFolder) return withWords(text, place, caret, path.includes("`") ? `\`\` ${path} \`\`` : `\`${path}\``);
  const before = `${text.slice(0, place.start)}@${path}/`;
  return { text: before + text.slice(caret), caret: before.length };
}

function withWords(text: string, place: MentionPlace, caret: number, words: string): Written {
  const rest = text.slice(caret);
  const put = `${words}${/^\s/.test(rest) ? "" : " "}`;
  const before = text.slice(0, place.start) + put;
  return { text: before + rest, caret: before.length + (put.endsWith(" ") ? 0 : 1) };
}

/** The AIs that a text addresses by name, `@ai` being the default one. Code and quotes are left to the server. */
export function addressedAis(
  text: string,
  members: ReadonlyMap<string, Member>,
  defaultAi: string | undefined,
): readonly string[] {
  if (!text.includes("@")) return [];
  const byHandle = new Map<string, string>();
  for (const member of members.values()) {
    if (member.kind === "ai") byHandle.set(member.handle.toLowerCase(), member.account_id);
  }
  const found = new Set<string>();
  for (const [, raw = ""] of text.matchAll(WHOLE)) {
    const name = raw.toLowerCase();
    const id = byHandle.get(name) ?? byHandle.get(name.replace(/[.-]+$/, ""));
    if (id !== undefined) found.add(id);
    else if (name.replace(/[.-]+$/, "") === "ai" && defaultAi !== undefined) found.add(defaultAi);
  }
  return [...found];
}

/** Whom `@ai` means: who the room says, else the AI that joined first. */
export function defaultAiOf(members: ReadonlyMap<string, Member>, said: string | undefined): string | undefined {
  if (said !== undefined && members.get(said)?.kind === "ai") return said;
  let first: Member | undefined;
  for (const member of members.values()) {
    if (member.kind === "ai" && (first === undefined || member.joined_seq < first.joined_seq)) first = member;
  }
  return first?.account_id;
}
