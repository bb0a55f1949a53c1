/** Messages that were sent and leave when their files are there: each with how far these are, and a way back into the field. */

import { Hourglass } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { formatList, formatPercent } from "../../ui/i18n/format";
import type { UploadItem, Waiting } from "./uploads";

export interface WaitingMessagesProps {
  readonly messages: readonly Waiting[];
  readonly onTakeBack: (key: string) => void;
}

export function WaitingMessages({ messages, onTakeBack }: WaitingMessagesProps) {
  const { t } = useTranslation();
  return (
    <ul aria-label={t("composer.waiting.label")} className="flex max-h-40 flex-col gap-1 overflow-y-auto px-2 pt-2">
      {messages.map(({ key, text, items }) => {
        const names = formatList(items.map(({ file, isVoice }) => (isVoice ? t("composer.files.voice") : file.name)));
        return (
          <li key={key} className="flex items-center gap-2.5 rounded-button bg-sunken py-1 ps-3 pe-1 text-meta">
            <Hourglass aria-hidden="true" size={14} className="shrink-0 text-ink-3" />
            <span className="min-w-0 flex-1">
              <bdi className="block truncate text-ink">{text === "" ? names : text.slice(0, 300)}</bdi>
              <span className="block truncate text-ink-3 tabular-nums">
                <span role="status">{t("composer.sendHeld")}</span>
                {" · "}
                {formatPercent(shareOf(items))}
                {text !== "" && " · "}
                {text !== "" && <bdi>{names}</bdi>}
              </span>
            </span>
            <Button size="sm" variant="ghost" onClick={() => onTakeBack(key)}>
              {t("composer.holdCancel")}
            </Button>
          </li>
        );
      })}
    </ul>
  );
}

function shareOf(items: readonly UploadItem[]): number {
  let done = 0;
  let all = 0;
  for (const { file, step } of items) {
    // A file without a byte counts too.
    all += file.size + 1;
    if (step.kind === "ready") done += file.size + 1;
    else if (step.kind === "sending") done += step.done * (file.size + 1);
  }
  return done / all;
}
