/** A unified diff, file by file: signs and line numbers, colours only beside them. */

import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "../../ui/classes";
import { visible } from "../../ui/visible";
import { Note } from "../sections";
import { type DiffRow, diffFiles } from "./unified";

const signs = { added: "+", removed: "−", same: " ", skipped: "⋯", note: " " } as const;
const looks = {
  added: "bg-ok-soft",
  removed: "bg-danger-soft",
  same: "",
  skipped: "bg-sunken",
  note: "bg-sunken text-ink-3",
} as const;
const signLooks = { added: "text-ok", removed: "text-danger", same: "", skipped: "text-ink-3", note: "" } as const;

interface Numbered extends DiffRow {
  readonly at: number;
}

export interface DiffRowsProps {
  readonly diff: string;
  /** Each file has its path above its lines; else that is said beside it. */
  readonly isNamed?: boolean;
}

export function DiffRows({ diff, isNamed = true }: DiffRowsProps) {
  const { t } = useTranslation();
  const files = useMemo(
    () =>
      diffFiles(diff).map((file) => ({
        path: file.path,
        rows: file.rows.map((row, at): Numbered => ({ ...row, at })),
      })),
    [diff],
  );
  if (files.length === 0) return <Note>{t("cards.noLines")}</Note>;
  return files.map((file) => (
    <section
      key={file.path}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
      tabIndex={0}
      aria-label={t("cards.diffOf", { path: file.path })}
      dir="ltr"
      className="max-h-96 overflow-auto rounded-button border border-line bg-surface focus-visible:-outline-offset-2"
    >
      {isNamed && (
        <p className="sticky top-0 left-0 border-b border-line bg-sunken px-3 py-1 font-mono text-meta text-ink-2">
          {visible(file.path)}
        </p>
      )}
      <div className="w-fit min-w-full py-1 font-mono text-mono">
        {file.rows.map((row) => (
          <Line key={row.at} row={row} />
        ))}
      </div>
    </section>
  ));
}

function Line({ row }: { readonly row: DiffRow }) {
  const number = "w-10 shrink-0 pr-2 text-right text-ink-3 select-none max-sm:w-8";
  return (
    <div className={classes("flex whitespace-pre", looks[row.kind])}>
      <span aria-hidden="true" className={classes(number, "max-sm:hidden")}>
        {row.before}
      </span>
      <span aria-hidden="true" className={number}>
        {row.after}
      </span>
      <span className={classes("w-5 shrink-0 text-center select-none", signLooks[row.kind])}>{signs[row.kind]}</span>
      <span className="pr-4">{visible(row.text, true)}</span>
    </div>
  );
}
