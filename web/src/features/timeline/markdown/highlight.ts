/** Colours code by its language; loaded when the first code with a known language is seen. */

import bash from "highlight.js/lib/languages/bash";
import css from "highlight.js/lib/languages/css";
import diff from "highlight.js/lib/languages/diff";
import go from "highlight.js/lib/languages/go";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";
import { createLowlight } from "lowlight";

const lowlight = createLowlight({
  bash,
  css,
  diff,
  go,
  javascript,
  json,
  python,
  rust,
  sql,
  typescript,
  xml,
  yaml,
});

/** A piece of a line and what it is: `keyword`, `string`, … */
export interface Coloured {
  readonly text: string;
  readonly scope: string;
}

export function coloured(code: string, language: string): readonly Coloured[] | undefined {
  if (!lowlight.registered(language)) return undefined;
  const pieces: Coloured[] = [];
  collect(lowlight.highlight(language, code).children, "", pieces);
  return pieces;
}

type Nodes = ReturnType<typeof lowlight.highlight>["children"];

function collect(nodes: Nodes, scope: string, into: Coloured[]): void {
  for (const node of nodes) {
    if (node.type === "text") into.push({ text: node.value, scope });
    if (node.type === "element") collect(node.children, scopeOf(node.properties.className) ?? scope, into);
  }
}

function scopeOf(className: unknown): string | undefined {
  const first: unknown = Array.isArray(className) ? className[0] : undefined;
  return typeof first === "string" ? first.replace("hljs-", "") : undefined;
}
