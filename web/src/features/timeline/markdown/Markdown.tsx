/** A message's words, painted: block by block, so that a growing text paints only its end anew. */

import { ExternalLink, ImageOff } from "lucide-react";
import { type ComponentProps, memo, type ReactElement, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "../../../ui/classes";
import { visible } from "../../../ui/visible";
import { hostOf, misleads, ownFile, safeAddress } from "./addresses";
import { blocksOf } from "./blocks";
import { Caret, CodeBlock } from "./CodeBlock";
import { isTooMuch } from "./effort";
import { Mention } from "./Mention";
import { type ExtraProps, type Parts, read } from "./reading";

export interface MarkdownProps {
  readonly text: string;
  /** It is still being written. */
  readonly isGrowing?: boolean;
  readonly className?: string;
}

export const Markdown = memo(function Markdown({ text, isGrowing = false, className }: MarkdownProps) {
  const blocks = blocksOf(text);
  let at = 0;
  return (
    <div dir="auto" className={classes("flex min-w-0 flex-col gap-2.5 text-body text-ink wrap-anywhere", className)}>
      {blocks.map((block, place) => {
        const key = at;
        at += block.length;
        return <Block key={key} text={block} isGrowing={isGrowing && place === blocks.length - 1} />;
      })}
      {isGrowing && blocks.length === 0 && (
        <p>
          <Caret />
        </p>
      )}
    </div>
  );
});

const Block = memo(function Block({ text, isGrowing }: { readonly text: string; readonly isGrowing: boolean }) {
  return isGrowing ? readSafely(text, true) : readOnce(text);
});

function readSafely(text: string, isGrowing: boolean): ReactElement {
  if (isTooMuch(text)) return asWritten(text);
  try {
    return read(text, isGrowing, isGrowing ? growingParts : parts);
  } catch {
    // Whatever it is that cannot be read: one message must not take the room with it.
    return asWritten(text);
  }
}

function asWritten(text: string): ReactElement {
  return <p className="whitespace-pre-wrap">{text}</p>;
}

const MOST_KEPT = 1_000;
const kept = new Map<string, ReactElement>();

/** Rows come and go while one scrolls, and a message on its way becomes one that is there: reading it is what costs. */
function readOnce(text: string): ReactElement {
  const element = kept.get(text) ?? readSafely(text, false);
  // The one that was asked for last goes last.
  kept.delete(text);
  kept.set(text, element);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break;
    kept.delete(oldest);
  }
  return element;
}

type Part<Tag extends "a" | "img" | "input" | "span"> = ComponentProps<Tag> & ExtraProps;

function wordsOf(node: Words | undefined): string {
  return node === undefined ? "" : (node.value ?? node.children?.map(wordsOf).join("") ?? "");
}

interface Words {
  readonly value?: string;
  readonly children?: readonly Words[];
}

function Link({ href, node, children }: Part<"a">) {
  const url = href === undefined ? undefined : safeAddress(href);
  if (url === undefined) return <span>{children}</span>;
  const words = wordsOf(node);
  return (
    <>
      <a
        href={url.href}
        target="_blank"
        rel="noopener noreferrer nofollow"
        data-tip={visible(url.href)}
        className="text-accent underline decoration-accent/40 underline-offset-2 hover:decoration-accent"
      >
        {words === visible(words) ? children : visible(words)}
      </a>
      {misleads(words, url) && <bdi className="text-meta text-ink-3"> ({hostOf(url)})</bdi>}
    </>
  );
}

/** A picture of another host would tell it who reads this: it is a link. */
function Picture({ src, alt }: Part<"img">) {
  const { t } = useTranslation();
  const address = typeof src === "string" ? src : "";
  const own = ownFile(address);
  if (own !== undefined) {
    return <img src={own} alt={alt ?? ""} loading="lazy" className="max-h-80 max-w-full rounded-button" />;
  }
  const url = safeAddress(address);
  const words = alt === undefined || alt === "" ? t("timeline.picture") : visible(alt);
  if (url === undefined || url.protocol === "mailto:") return <span className="text-ink-2">[{words}]</span>;
  return (
    <a
      href={url.href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      data-tip={visible(url.href)}
      className="inline-flex max-w-full items-center gap-1.5 rounded-button border border-line bg-sunken px-2 py-1 text-small text-ink-2 no-underline hover:text-ink"
    >
      <ImageOff aria-hidden="true" size={15} className="shrink-0 text-ink-3" />
      <bdi className="truncate">{words}</bdi>
      <bdi className="shrink-0 text-ink-3">{hostOf(url)}</bdi>
      <ExternalLink aria-hidden="true" size={13} className="shrink-0 text-ink-3" />
    </a>
  );
}

function Pre({ node, isGrowing }: { readonly node: ExtraProps["node"]; readonly isGrowing: boolean }) {
  const code = node?.children[0];
  if (code?.type !== "element") return null;
  const names: unknown = code.properties.className;
  const language = Array.isArray(names)
    ? names.find((name): name is string => typeof name === "string" && name.startsWith("language-"))
    : undefined;
  const words = code.children.map((child) => (child.type === "text" ? child.value : "")).join("");
  return (
    <CodeBlock
      code={words.replace(/\n$/, "")}
      language={language?.slice("language-".length)}
      isGrowing={isGrowing}
      hasCaret={isGrowing}
    />
  );
}

function Tick({ checked }: Part<"input">) {
  const { t } = useTranslation();
  return (
    <input
      type="checkbox"
      checked={checked === true}
      readOnly
      disabled
      aria-label={checked === true ? t("timeline.ticked") : t("timeline.notTicked")}
      className="mr-1.5 align-middle accent-accent"
    />
  );
}

function Span({ node, children }: Part<"span">) {
  const handle = node?.properties.dataMention;
  if (typeof handle === "string") return <Mention handle={handle}>{children}</Mention>;
  if (node?.properties.dataCaret !== undefined) return <Caret />;
  return <span>{children}</span>;
}

// Titles within a message are no titles of the page, so they do not stand among those.
const title = (look: string) =>
  function Title({ children }: { readonly children?: ReactNode }) {
    return <p className={classes("font-semibold text-ink", look)}>{children}</p>;
  };

const shared: Parts = {
  a: Link,
  img: Picture,
  input: Tick,
  span: Span,
  h1: title("pt-1 text-[1.1875rem] leading-snug"),
  h2: title("pt-1 text-title"),
  h3: title("pt-0.5"),
  h4: title(""),
  h5: title(""),
  h6: title(""),
  code: ({ children }) => (
    <code className="rounded-[4px] bg-hover px-1 py-0.5 text-[0.8125rem] text-ink">{children}</code>
  ),
  ul: ({ node, children }) => (
    <ul
      className={classes(
        "flex flex-col gap-1",
        String(node?.properties.className).includes("contains-task-list") ? "list-none pl-1" : "list-disc pl-5",
      )}
    >
      {children}
    </ul>
  ),
  ol: ({ start, children }) => (
    <ol start={start} className="flex list-decimal flex-col gap-1 pl-6">
      {children}
    </ol>
  ),
  blockquote: ({ children }) => (
    <blockquote className="flex flex-col gap-2 border-l-2 border-line-strong/50 pl-3 text-ink-2">{children}</blockquote>
  ),
  hr: () => <hr className="my-1 border-line" />,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <div tabIndex={0} className="max-w-full overflow-x-auto rounded-button border border-line">
      <table className="w-full border-collapse text-small">{children}</table>
    </div>
  ),
  th: ({ children }) => (
    <th className="border-b border-line bg-sunken px-3 py-1.5 text-left font-semibold whitespace-nowrap">{children}</th>
  ),
  td: ({ children }) => <td className="border-b border-line px-3 py-1.5 align-top">{children}</td>,
};

const parts: Parts = { ...shared, pre: ({ node }) => <Pre node={node} isGrowing={false} /> };
const growingParts: Parts = { ...shared, pre: ({ node }) => <Pre node={node} isGrowing /> };
