/** The caps that hold here and how full each is. */

import { useTranslation } from "react-i18next";
import type { CapState } from "../../protocol/api";
import { formatMoney, formatNumber, formatPercent } from "../../ui/i18n/format";
import { Meter } from "../sections";
import { fullness } from "./sums";

export function CapBars({ caps, currency }: { readonly caps: readonly CapState[]; readonly currency: string }) {
  const { t } = useTranslation();
  const amount = (cap: CapState, value: number) =>
    cap.unit === "tokens"
      ? t("usage.tokens", { count: value, number: formatNumber(value) })
      : formatMoney(value, currency);
  return (
    <ul className="flex flex-col gap-3">
      {caps.map((cap) => {
        const share = fullness(cap);
        const label = t("usage.capLabel", {
          scope: t(`usage.scopes.${cap.scope}`),
          period: t(`usage.periods.${cap.period}`),
        });
        return (
          <li key={`${cap.scope} ${cap.period} ${cap.unit}`}>
            <p className="mb-1 flex items-baseline justify-between gap-2 text-small">
              <span className="min-w-0 text-ink-2">{label}</span>
              <span className="shrink-0 tabular-nums text-ink">{formatPercent(share)}</span>
            </p>
            <Meter share={share} label={label} />
            <p className="mt-1 text-meta text-ink-3">
              {t("usage.usedOf", { used: amount(cap, cap.used), cap: amount(cap, cap.cap) })}
              {share >= 1 && ` · ${t("usage.full")}`}
            </p>
          </li>
        );
      })}
    </ul>
  );
}
