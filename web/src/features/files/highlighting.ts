/** Colours for code. The languages are loaded when a text is first coloured; a long text stays plain. */

import type { LanguageFn } from "lowlight";

type Lowlight = ReturnType<typeof import("lowlight").createLowlight>;
export type Highlighted = ReturnType<Lowlight["highlight"]>;

const LONGEST = 200_000;

// One file a language, so that only what is looked at is loaded.
const loaders: Readonly<Record<string, () => Promise<{ readonly default: LanguageFn }>>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  css: () => import("highlight.js/lib/languages/css"),
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

let held: Promise<Lowlight> | undefined;

export async function highlighted(text: string, language: string): Promise<Highlighted | undefined> {
  const load = loaders[language];
  if (load === undefined || text.length > LONGEST) return undefined;
  held ??= import("lowlight").then(({ createLowlight }) => createLowlight());
  const lowlight = await held;
  if (!lowlight.registered(language)) lowlight.register(language, (await load()).default);
  return lowlight.highlight(language, text);
}

const colours: Readonly<Record<string, string>> = {
  "hljs-comment": "text-ink-3 italic",
  "hljs-quote": "text-ink-3 italic",
  "hljs-keyword": "text-ai",
  "hljs-built_in": "text-ai",
  "hljs-literal": "text-ai",
  "hljs-type": "text-ai",
  "hljs-tag": "text-ai",
  "hljs-name": "text-ai",
  "hljs-selector-tag": "text-ai",
  "hljs-string": "text-ok",
  "hljs-regexp": "text-ok",
  "hljs-addition": "text-ok",
  "hljs-number": "text-warn",
  "hljs-symbol": "text-warn",
  "hljs-bullet": "text-warn",
  "hljs-title": "text-accent",
  "hljs-section": "text-accent",
  "hljs-attr": "text-accent",
  "hljs-attribute": "text-accent",
  "hljs-selector-class": "text-accent",
  "hljs-variable": "text-accent",
  "hljs-deletion": "text-danger",
  "hljs-meta": "text-ink-2",
};

/** Our colour for a kind of word, if it has one. */
export function colourOf(names: unknown): string | undefined {
  if (!Array.isArray(names)) return undefined;
  for (const name of names) {
    const colour = typeof name === "string" ? colours[name] : undefined;
    if (colour !== undefined) return colour;
  }
  return undefined;
}
