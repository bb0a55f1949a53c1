/** Files on their way into the workspace, and those that did not get there, with why. */

import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { IconButton } from "../../ui/IconButton";
import { formatBytes, formatPercent } from "../../ui/i18n/format";
import { Spinner } from "../../ui/Spinner";
import { MOST_BYTES, type Sending } from "./sending";

export interface SendingListProps {
  readonly sendings: readonly Sending[];
  /** How many bytes the server takes of one. */
  readonly most?: number | undefined;
  readonly onReplace: (key: string) => void;
  readonly onForget: (key: string) => void;
}

export function SendingList({ sendings, most = MOST_BYTES, onReplace, onForget }: SendingListProps) {
  const { t } = useTranslation();
  if (sendings.length === 0) return null;
  return (
    <ul aria-label={t("files.uploads")} className="flex flex-col gap-1.5 border-b border-line px-4 py-3">
      {sendings.map((one) => (
        <li key={one.key} className="flex flex-wrap items-center gap-x-2 text-small text-ink-2">
          {one.state === "done" ? (
            <CircleCheck aria-hidden="true" size={16} className="shrink-0 text-ok" />
          ) : one.state === "sending" || one.state === "waiting" ? (
            <Spinner className="shrink-0 text-ink-3" />
          ) : (
            <CircleAlert aria-hidden="true" size={16} className="shrink-0 text-danger" />
          )}
          <bdi className="min-w-0 flex-1 truncate">{one.path}</bdi>
          {one.state === "sending" && <span className="text-meta tabular-nums">{formatPercent(one.done)}</span>}
          {one.state === "done" && <span className="text-meta">{t("files.sent")}</span>}
          {one.state !== "sending" && one.state !== "waiting" && (
            <IconButton
              size="sm"
              label={t("files.forget", { path: one.path })}
              icon={<X size={14} />}
              onClick={() => onForget(one.key)}
            />
          )}
          {one.state === "sending" && <Progress done={one.done} label={t("files.progressOf", { path: one.path })} />}
          {one.state === "there" && (
            <span className="flex w-full items-center gap-2 pl-6">
              <span className="flex-1">{t("files.isThere")}</span>
              <Button size="sm" onClick={() => onReplace(one.key)}>
                {t("files.replace")}
              </Button>
            </span>
          )}
          {one.state === "refused" && <span className="w-full pl-6 text-danger">{one.reason}</span>}
          {one.state === "too_big" && (
            <span className="w-full pl-6 text-danger">{t("files.tooBig", { most: formatBytes(most) })}</span>
          )}
        </li>
      ))}
    </ul>
  );
}

function Progress({ done, label }: { readonly done: number; readonly label: string }) {
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(done * 100)}
      className="mt-1 h-1.5 w-full overflow-hidden rounded-full bg-hover"
    >
      <div className="h-full rounded-full bg-accent" style={{ width: `${done * 100}%` }} />
    </div>
  );
}
