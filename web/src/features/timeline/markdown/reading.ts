/** Markdown into elements: read, changed, cleaned, and painted with the parts that are given. Nothing else is let through. */

import { defaultSchema, type Schema, sanitize } from "hast-util-sanitize";
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { toHast } from "mdast-util-to-hast";
import { gfm } from "micromark-extension-gfm";
import { type ComponentProps, type ComponentType, createElement, Fragment, type JSX, type ReactElement } from "react";
import { plainWords } from "./plain";
import { caretAtEnd, htmlAsText, mentionsAsSpans } from "./plugins";

type Hast = ReturnType<typeof sanitize>;
export type HastElement = Extract<Hast, { type: "element" }>;

export interface ExtraProps {
  readonly node?: HastElement | undefined;
}

/** What is painted for a tag, if not the tag itself. */
export type Parts = {
  readonly [Tag in keyof JSX.IntrinsicElements]?: ComponentType<ComponentProps<Tag> & ExtraProps>;
};

const schema: Schema = {
  ...defaultSchema,
  attributes: { ...defaultSchema.attributes, span: ["dataMention"] },
  protocols: { href: ["http", "https", "mailto"], src: ["http", "https"] },
};

const syntax = [gfm()];
const grammar = [gfmFromMarkdown()];

export function read(text: string, isGrowing: boolean, parts: Parts): ReactElement {
  const plain = isGrowing ? undefined : plainWords(text);
  return plain === undefined ? readMarkdown(text, isGrowing, parts) : paragraph(plain, parts);
}

function paragraph(words: string, parts: Parts): ReactElement {
  return createElement(Fragment, null, createElement(partOf(parts, "p") ?? "p", { key: 0 }, words));
}

export function readMarkdown(text: string, isGrowing: boolean, parts: Parts): ReactElement {
  const words = fromMarkdown(text, { extensions: syntax, mdastExtensions: grammar });
  htmlAsText()(words);
  mentionsAsSpans()(words);
  const tree = sanitize(toHast(words), schema);
  if (isGrowing) caretAtEnd()(tree);
  return createElement(Fragment, null, ...paintAll(tree, parts));
}

/** The names of React for what the tags of a message may have. */
const properties: Readonly<Record<string, string>> = {
  alt: "alt",
  ariaDescribedBy: "aria-describedby",
  ariaLabel: "aria-label",
  checked: "checked",
  className: "className",
  dataFootnotes: "data-footnotes",
  disabled: "disabled",
  href: "href",
  id: "id",
  src: "src",
  start: "start",
  title: "title",
  type: "type",
};

// React warns of any white space there.
const OF_TABLES: ReadonlySet<string> = new Set(["table", "tbody", "thead", "tfoot", "tr"]);

function paintAll(within: Hast, parts: Parts): readonly (ReactElement | string)[] {
  const painted: (ReactElement | string)[] = [];
  if (!("children" in within)) return painted;
  const isTable = within.type === "element" && OF_TABLES.has(within.tagName);
  within.children.forEach((node, place) => {
    if (node.type === "element") painted.push(paint(node, parts, place));
    else if (node.type === "text" && !(isTable && node.value.trim() === "")) painted.push(node.value);
  });
  return painted;
}

function paint(node: HastElement, parts: Parts, key: number): ReactElement {
  const props: Record<string, unknown> = { key };
  for (const [name, value] of Object.entries(node.properties)) {
    const known = properties[name];
    if (known !== undefined && value !== null) props[known] = Array.isArray(value) ? value.join(" ") : value;
  }
  const part = partOf(parts, node.tagName);
  return part === undefined
    ? createElement(node.tagName, props, ...paintAll(node, parts))
    : createElement(part, { ...props, node }, ...paintAll(node, parts));
}

function partOf(parts: Parts, tag: string): ComponentType<ExtraProps & Record<string, unknown>> | undefined {
  const found = Object.entries(parts).find(([name]) => name === tag)?.[1];
  return found;
}
