/** What a command has printed: text as it came, that can be selected and read aloud, and never takes input. */

import { useTranslation } from "react-i18next";
import { formatNumber } from "../../ui/i18n/format";
import { visible } from "../../ui/visible";
import { asShown, lastLines } from "../cards/printing";

const LINES = 1_000;

export interface ScreenProps {
  readonly label: string;
  readonly text: string;
  /** Pieces before it did not come. */
  readonly isCut?: boolean;
}

export function Screen({ label, text, isCut = false }: ScreenProps) {
  const { t } = useTranslation();
  const shown = lastLines(text, LINES);
  if (text === "" && !isCut) return null;
  return (
    <div>
      {(shown.before > 0 || isCut) && (
        <p className="px-3 pt-1 text-meta text-terminal-ink/75">
          {shown.before > 0
            ? t("terminal.linesLeftOut", { count: shown.before, number: formatNumber(shown.before) })
            : t("terminal.earlierLeftOut")}
        </p>
      )}
      <pre
        role="log"
        aria-live="off"
        aria-label={label}
        className="overflow-x-auto px-3 py-1.5 font-mono text-mono whitespace-pre-wrap text-terminal-ink wrap-anywhere"
      >
        {visible(asShown(shown.text), true)}
      </pre>
    </div>
  );
}
