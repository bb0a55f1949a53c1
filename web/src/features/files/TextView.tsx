/** A text with the numbers of its lines; coloured where its language is known. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { formatNumber } from "../../ui/i18n/format";
import { useColoured } from "../../ui/useColoured";
import { Scroller } from "../sections";

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
