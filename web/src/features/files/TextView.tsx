/** A text with the numbers of its lines; coloured where its language is known. */

import { Fragment, type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { formatNumber } from "../../ui/i18n/format";
import { Scroller } from "../sections";
import { colourOf, type Highlighted, highlighted } from "./highlighting";

const LINES = 2_000;

export function TextView({ text, language }: { readonly text: string; readonly language?: string | undefined }) {
  const { t } = useTranslation();
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const [most, setMost] = useState(LINES);
  const shown = lines.length <= most ? text : lines.slice(0, most).join("\n");
  const coloured = useColoured(shown, language);
  const count = Math.min(lines.length, most);
  if (text === "") return <p className="text-small text-ink-3">{t("files.emptyFile")}</p>;
  return (
    <div>
      <Scroller label={t("files.text")} className="rounded-button border border-line bg-sunken">
        <div className="flex min-w-max font-mono text-mono">
          <pre
            aria-hidden="true"
            className="sticky left-0 border-r border-line bg-sunken px-2 py-3 text-right text-ink-3 select-none"
          >
            {Array.from({ length: count }, (_, place) => place + 1).join("\n")}
          </pre>
          <pre className="px-3 py-3 text-ink">{coloured ?? shown}</pre>
        </div>
      </Scroller>
      {lines.length > most && (
        <Button size="sm" className="mt-2" onClick={() => setMost(most + 10 * LINES)}>
          {t("files.moreLines", { count: lines.length - most, number: formatNumber(lines.length - most) })}
        </Button>
      )}
    </div>
  );
}

function useColoured(text: string, language: string | undefined): ReactNode {
  const [made, setMade] = useState<{ readonly text: string; readonly tree: Highlighted }>();
  useEffect(() => {
    if (language === undefined) return;
    let isOver = false;
    highlighted(text, language).then(
      (tree) => {
        if (!isOver && tree !== undefined) setMade({ text, tree });
      },
      // Colours are an ornament: without them the text is there all the same.
      () => undefined,
    );
    return () => {
      isOver = true;
    };
  }, [text, language]);
  return made?.text === text ? made.tree.children.map((node, place) => drawn(node, `${place}`)) : undefined;
}

type Node = Highlighted["children"][number];

function drawn(node: Node, key: string): ReactNode {
  if (node.type === "text") return node.value;
  if (node.type !== "element") return null;
  const children = node.children.map((child, place) => drawn(child, `${key}.${place}`));
  const colour = colourOf(node.properties.className);
  return colour === undefined ? (
    <Fragment key={key}>{children}</Fragment>
  ) : (
    <span key={key} className={colour}>
      {children}
    </span>
  );
}
