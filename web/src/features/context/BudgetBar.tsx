/** How full an AI's prompt is, and with what: a bar of parts, each named with its tokens. */

import { useTranslation } from "react-i18next";
import type { Share } from "../../protocol/api";
import { classes } from "../../ui/classes";
import { formatCompact, formatNumber, formatPercent } from "../../ui/i18n/format";
import { type Part, partsOf } from "./shares";

/** Grey is the frame, blue what people said, violet what AIs and their tools made of it. */
const colours: Readonly<Record<Part, string>> = {
  rules: "bg-ink-3",
  tools: "bg-line-strong/60",
  room: "bg-accent/45",
  summary: "bg-ai/50",
  messages: "bg-accent",
  results: "bg-ai",
};

export interface BudgetBarProps {
  readonly share: Share;
  readonly tokens: number;
  readonly budgetTokens: number;
}

export function BudgetBar({ share, tokens, budgetTokens }: BudgetBarProps) {
  const { t } = useTranslation();
  const parts = partsOf(share, budgetTokens);
  const full = budgetTokens === 0 ? 0 : tokens / budgetTokens;
  return (
    <div>
      <div className="mb-1.5 flex items-baseline justify-between gap-2 text-small">
        <span className="text-ink-2">
          {t("context.tokensOf", { tokens: formatNumber(tokens), budget: formatNumber(budgetTokens) })}
        </span>
        <span className="font-semibold tabular-nums text-ink">{formatPercent(full)}</span>
      </div>
      <div aria-hidden="true" className="flex h-2.5 gap-px overflow-hidden rounded-full bg-hover">
        {parts.map((one) => (
          <div
            key={one.part}
            className={classes("h-full min-w-0.5", colours[one.part])}
            style={{ width: `${one.share * 100}%` }}
          />
        ))}
      </div>
      <ul className="mt-3 grid grid-cols-2 gap-x-4 gap-y-1">
        {parts.map((one) => (
          <li key={one.part} className="flex items-center gap-2 text-meta text-ink-2">
            <span aria-hidden="true" className={classes("size-2 shrink-0 rounded-full", colours[one.part])} />
            <span className="min-w-0 flex-1 truncate">{t(`context.parts.${one.part}`)}</span>
            <span className="tabular-nums text-ink-3">{formatCompact(one.tokens)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
