/** What differs, line by line; a sign before each line says what became of it, not only a colour. */

import { useTranslation } from "react-i18next";
import { classes } from "../../ui/classes";
import { Scroller } from "../sections";
import { type DiffRow, diffFilesOf } from "./diffRows";

const looks: Readonly<Record<DiffRow["kind"], string>> = {
  same: "text-ink-2",
  added: "bg-ok-soft text-ink",
  removed: "bg-danger-soft text-ink",
  gap: "bg-sunken text-ink-3",
  note: "text-ink-3 italic",
};
const signs: Readonly<Record<DiffRow["kind"], string>> = { same: " ", added: "+", removed: "−", gap: "⋯", note: " " };

export interface DiffViewProps {
  /** A unified diff. */
  readonly diff: string;
  /** Names each file above its lines. */
  readonly isNamed?: boolean;
}

export function DiffView({ diff, isNamed = false }: DiffViewProps) {
  const { t } = useTranslation();
  const files = diffFilesOf(diff);
  if (files.length === 0) return <p className="text-small text-ink-3">{t("files.nothingDiffers")}</p>;
  return files.map((file) => (
    <div key={file.path} className="mb-3 last:mb-0">
      {isNamed && <p className="mb-1 font-mono text-mono text-ink wrap-anywhere">{file.path}</p>}
      <Scroller
        label={t("files.diffOf", { path: file.path })}
        className="max-h-[60dvh] rounded-button border border-line bg-surface font-mono text-mono"
      >
        <table className="w-full border-collapse">
          <caption className="sr-only">{t("files.diffOf", { path: file.path })}</caption>
          <tbody>
            {file.rows.map((row, place) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a diff never changes
              <tr key={place} className={looks[row.kind]}>
                <LineNumber of={row.before} />
                <LineNumber of={row.after} />
                <td className="w-4 pl-1 text-center select-none">
                  {row.kind === "added" || row.kind === "removed" ? (
                    <>
                      <span aria-hidden="true">{signs[row.kind]}</span>
                      <span className="sr-only">{t(`files.${row.kind}Line`)}</span>
                    </>
                  ) : (
                    <span aria-hidden="true">{signs[row.kind]}</span>
                  )}
                </td>
                <td className="py-px pr-3 pl-1 whitespace-pre">{row.text === "" ? " " : row.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
    </div>
  ));
}

function LineNumber({ of }: { readonly of: number | undefined }) {
  return (
    <td className={classes("w-px px-1.5 text-right text-ink-3 select-none tabular-nums", "max-sm:hidden")}>{of}</td>
  );
}
