/** What an AI found on a website, as the site tells it: a title that leads there, a few words, where it is from. */

import { ExternalLink } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Card } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { visible } from "../../ui/visible";
import { hostOf, safeAddress } from "../timeline/markdown/addresses";

const SHOWN = 4;

export function FoundCards({ cards }: { readonly cards: readonly Card[] }) {
  const { t } = useTranslation();
  const [isAll, setAll] = useState(false);
  const shown = isAll ? cards : cards.slice(0, SHOWN);
  let at = 0;
  return (
    <div className="mt-2 flex flex-col gap-2">
      <ul aria-label={t("turns.found")} className="grid gap-2 sm:grid-cols-2">
        {shown.map((card) => {
          at += 1;
          return <Found key={`${at} ${card.url}`} card={card} />;
        })}
      </ul>
      {!isAll && cards.length > SHOWN && (
        <Button size="sm" variant="ghost" className="self-start" onClick={() => setAll(true)}>
          {t("turns.moreFound", { count: cards.length - SHOWN })}
        </Button>
      )}
    </div>
  );
}

function Found({ card }: { readonly card: Card }) {
  const url = safeAddress(card.url);
  const title = visible(card.title);
  return (
    <li dir="auto" className="flex min-w-0 flex-col gap-1 rounded-card border border-line bg-sunken p-3">
      {url === undefined ? (
        <span className="text-small font-semibold text-ink">{title}</span>
      ) : (
        <a
          href={url.href}
          target="_blank"
          rel="noopener noreferrer nofollow"
          data-tip={visible(url.href)}
          className="-my-1 py-1 text-small font-semibold text-accent hover:underline"
        >
          {title}
        </a>
      )}
      <span className="flex items-center gap-1 text-meta text-ink-3">
        {url !== undefined && <ExternalLink aria-hidden="true" size={12} className="shrink-0" />}
        <bdi className="truncate">{url === undefined ? visible(card.site) : hostOf(url)}</bdi>
      </span>
      {card.text !== "" && <p className="line-clamp-4 text-small text-ink-2">{visible(card.text)}</p>}
      {card.sources.length > 0 && <Sources sources={card.sources} />}
    </li>
  );
}

function Sources({ sources }: { readonly sources: readonly string[] }) {
  const { t } = useTranslation();
  const urls = sources.map(safeAddress).filter((url) => url !== undefined);
  if (urls.length === 0) return null;
  return (
    <p className="flex flex-wrap items-center gap-x-2 text-meta text-ink-3">
      {t("turns.sources")}
      {urls.map((url) => (
        <a
          key={url.href}
          href={url.href}
          target="_blank"
          rel="noopener noreferrer nofollow"
          className="inline-flex min-h-6 items-center text-accent hover:underline"
        >
          <bdi>{hostOf(url)}</bdi>
        </a>
      ))}
    </p>
  );
}
