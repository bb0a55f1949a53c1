/** Comma-separated values as a table. */

import { useTranslation } from "react-i18next";
import { formatNumber } from "../../ui/i18n/format";
import { Scroller } from "../sections";
import { readCsv, separatorOf } from "./csv";

const ROWS = 1_000;
const COLUMNS = 100;

export function TableView({ text }: { readonly text: string }) {
  const { t } = useTranslation();
  const rows = readCsv(text, separatorOf(text), ROWS + 2);
  const [head = [], ...body] = rows;
  if (rows.length === 0) return <p className="text-small text-ink-3">{t("files.emptyFile")}</p>;
  const shown = body.slice(0, ROWS);
  return (
    <div>
      <Scroller label={t("files.table")} className="max-h-[60dvh] rounded-button border border-line">
        <table className="w-full border-collapse text-small">
          <thead>
            <tr>
              {head.slice(0, COLUMNS).map((name, place) => (
                <th
                  // biome-ignore lint/suspicious/noArrayIndexKey: columns have no other name than their place
                  key={place}
                  scope="col"
                  dir="auto"
                  className="sticky top-0 border-b border-line bg-sunken px-3 py-1.5 text-left font-semibold whitespace-nowrap text-ink"
                >
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, line) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other name than their place
              <tr key={line} className="border-b border-line last:border-b-0 even:bg-sunken">
                {row.slice(0, COLUMNS).map((field, place) => (
                  <td
                    // biome-ignore lint/suspicious/noArrayIndexKey: columns have no other name than their place
                    key={place}
                    dir="auto"
                    className="max-w-80 truncate px-3 py-1 whitespace-nowrap text-ink-2 tabular-nums"
                  >
                    {field}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
      {body.length > ROWS && (
        <p className="mt-2 text-meta text-ink-3">{t("files.firstRows", { number: formatNumber(ROWS) })}</p>
      )}
    </div>
  );
}
