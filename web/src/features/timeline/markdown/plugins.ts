/** What is done to the tree of a message between reading and painting: HTML is text, mentions are chips, a caret ends it. */

/** As much of mdast and hast as is touched here. */
interface Node {
  type: string;
  tagName?: string;
  value?: string;
  children?: Node[];
  properties?: Record<string, unknown>;
  data?: object | undefined;
}

// As the server finds mentions: Chinese, Japanese and Korean may touch one, other letters may not.
const LETTER = "(?![\\u3040-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7a3])[\\p{L}\\p{N}_]";
const MENTION = new RegExp(`(?<!${LETTER})(?<![@./\\\\+-])@([A-Za-z0-9][A-Za-z0-9_.-]{0,31})(?!${LETTER})(?!@)`, "gu");
const NOT_WITHIN: ReadonlySet<string> = new Set(["link", "linkReference", "inlineCode", "code", "blockquote"]);

/** HTML in a message is what somebody wrote, and is shown as that. */
export function htmlAsText() {
  return (tree: Node) => {
    walk(tree, (node, parent) => {
      if (node.type !== "html") return;
      const isInline = parent !== undefined && ["paragraph", "heading", "tableCell"].includes(parent.type);
      node.type = isInline ? "text" : "paragraph";
      if (!isInline) {
        node.children = [{ type: "text", value: node.value ?? "" }];
        delete node.value;
      }
    });
  };
}

function walk(node: Node, visit: (node: Node, parent: Node | undefined) => void, parent?: Node): void {
  visit(node, parent);
  for (const child of node.children ?? []) walk(child, visit, node);
}

/** `@handle` becomes `<span data-mention="handle">`; whether anybody is meant is decided where it is painted. */
export function mentionsAsSpans() {
  return (tree: Node) => markMentions(tree);
}

function markMentions(node: Node): void {
  if (NOT_WITHIN.has(node.type) || node.children === undefined) return;
  node.children = node.children.flatMap((child) => {
    if (child.type === "text" && child.value !== undefined) return withMentions(child.value);
    markMentions(child);
    return [child];
  });
}

function withMentions(text: string): Node[] {
  const parts: Node[] = [];
  let from = 0;
  for (const found of text.matchAll(MENTION)) {
    const handle = (found[1] ?? "").replace(/[.-]+$/, "");
    parts.push({ type: "text", value: text.slice(from, found.index) });
    parts.push({
      type: "mention",
      data: { hName: "span", hProperties: { dataMention: handle } },
      children: [{ type: "text", value: `@${handle}` }],
    });
    from = found.index + 1 + handle.length;
  }
  parts.push({ type: "text", value: text.slice(from) });
  return parts.filter((part) => part.type !== "text" || part.value !== "");
}

/** The caret of what is being written stands right after its last glyph. Runs after the sanitiser. */
export function caretAtEnd() {
  return (tree: Node) => {
    let at = tree;
    for (;;) {
      const children = at.children ?? [];
      const last = children.findLastIndex((child) => child.type !== "text" || (child.value ?? "").trim() !== "");
      const node = children[last];
      // A block of code draws its own.
      if (node?.tagName === "pre") return;
      if (node?.type === "element" && !["br", "hr", "img", "input"].includes(node.tagName ?? "")) {
        at = node;
        continue;
      }
      children.splice(last + 1, children.length, {
        type: "element",
        tagName: "span",
        properties: { dataCaret: "" },
        children: [],
      });
      const text = children[last];
      if (text?.type === "text") text.value = (text.value ?? "").trimEnd();
      at.children = children;
      return;
    }
  };
}
