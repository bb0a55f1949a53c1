/** Colours for code, by its language: each is fetched when the first text in it is shown. */

import type { LanguageFn } from "lowlight";

type Lowlight = ReturnType<typeof import("lowlight").createLowlight>;
type Nodes = ReturnType<Lowlight["highlight"]>["children"];
type Fetch = () => Promise<{ readonly default: LanguageFn }>;

/** More stays plain: colouring it would hold up the page. */
const LONGEST = 200_000;

const languages: Readonly<Record<string, Fetch>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  css: () => import("highlight.js/lib/languages/css"),
  diff: () => import("highlight.js/lib/languages/diff"),
  go: () => import("highlight.js/lib/languages/go"),
  ini: () => import("highlight.js/lib/languages/ini"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  python: () => import("highlight.js/lib/languages/python"),
  rust: () => import("highlight.js/lib/languages/rust"),
  sql: () => import("highlight.js/lib/languages/sql"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};

/** Written within another: without their grammars what is between the tags would stay plain. */
const within: Readonly<Record<string, readonly string[]>> = {
  javascript: ["css", "xml"],
  markdown: ["xml"],
  typescript: ["css", "xml"],
  xml: ["css", "javascript"],
};

/** As people write them behind a fence, and as files end. */
const aliases: Readonly<Record<string, string>> = {
  atom: "xml",
  cfg: "ini",
  cjs: "javascript",
  cts: "typescript",
  golang: "go",
  htm: "xml",
  html: "xml",
  js: "javascript",
  json5: "json",
  jsonc: "json",
  jsonl: "json",
  jsx: "javascript",
  md: "markdown",
  mjs: "javascript",
  mts: "typescript",
  patch: "diff",
  plist: "xml",
  py: "python",
  pyi: "python",
  rs: "rust",
  rss: "xml",
  sh: "bash",
  shell: "bash",
  svg: "xml",
  toml: "ini",
  ts: "typescript",
  tsx: "typescript",
  xhtml: "xml",
  xsd: "xml",
  xsl: "xml",
  yml: "yaml",
  zsh: "bash",
};

const colours: Readonly<Record<string, string>> = {
  attr: "text-accent",
  attribute: "text-accent",
  property: "text-accent",
  section: "text-accent",
  "selector-class": "text-accent",
  title: "text-accent",
  built_in: "text-ai",
  keyword: "text-ai",
  literal: "text-ai",
  name: "text-ai",
  "selector-tag": "text-ai",
  tag: "text-ai",
  type: "text-ai",
  addition: "text-ok",
  regexp: "text-ok",
  string: "text-ok",
  bullet: "text-warn",
  number: "text-warn",
  symbol: "text-warn",
  variable: "text-warn",
  deletion: "text-danger",
  meta: "text-ink-2",
  comment: "text-ink-3 italic",
  quote: "text-ink-3 italic",
};

/** A piece of a text, where it begins, and its colour, if it has one. */
export interface Piece {
  readonly at: number;
  readonly text: string;
  readonly colour: string | undefined;
}

let fetched: Promise<Lowlight> | undefined;

/** Fetched once; after a failure again when it is wanted again. */
function lowlightFetched(): Promise<Lowlight> {
  if (fetched !== undefined) return fetched;
  const made = import("lowlight").then(({ createLowlight }) => createLowlight());
  fetched = made;
  made.catch(() => {
    fetched = undefined;
  });
  return made;
}

/** undefined: it stays plain. Rejects where the language cannot be fetched. */
export async function colouredPieces(text: string, language: string): Promise<readonly Piece[] | undefined> {
  const wanted = language.toLowerCase();
  const name = Object.hasOwn(aliases, wanted) ? aliases[wanted] : wanted;
  if (name === undefined || !Object.hasOwn(languages, name) || text.length > LONGEST) return undefined;
  const names = [name, ...(within[name] ?? [])];
  const [lowlight, ...grammars] = await Promise.all([lowlightFetched(), ...names.map((one) => languages[one]?.())]);
  for (const [place, one] of names.entries()) {
    const grammar = grammars[place];
    if (grammar !== undefined && !lowlight.registered(one)) lowlight.register(one, grammar.default);
  }
  const pieces: Piece[] = [];
  collect(lowlight.highlight(name, text).children, undefined, 0, pieces);
  return pieces;
}

function collect(nodes: Nodes, around: string | undefined, from: number, into: Piece[]): number {
  let at = from;
  for (const node of nodes) {
    if (node.type === "text") {
      into.push({ at, text: node.value, colour: around });
      at += node.value.length;
    } else if (node.type === "element") {
      at = collect(node.children, colourOf(node.properties.className) ?? around, at, into);
    }
  }
  return at;
}

/** By its first name of ours: `hljs-title function_` is a title. */
function colourOf(names: unknown): string | undefined {
  if (!Array.isArray(names)) return undefined;
  for (const name of names) {
    const colour = typeof name === "string" ? colours[name.replace("hljs-", "")] : undefined;
    if (colour !== undefined) return colour;
  }
  return undefined;
}
