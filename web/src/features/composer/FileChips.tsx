/** The files that go with the message: how far each is, what is wrong with it, and a way to take it off. */

import { CircleAlert, CircleCheck, File as FileIcon, Image, Mic, RotateCw, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { classes } from "../../ui/classes";
import { IconButton } from "../../ui/IconButton";
import { formatBytes, formatPercent } from "../../ui/i18n/format";
import { hasWords, wordsOf } from "../answers";
import type { Step } from "./sendFile";
import type { UploadItem, Uploads } from "./uploads";

export function FileChips({ items, uploads }: { readonly items: readonly UploadItem[]; readonly uploads: Uploads }) {
  const { t } = useTranslation();
  if (items.length === 0) return null;
  return (
    <ul
      aria-label={t("composer.files.label")}
      className="flex max-h-56 flex-wrap items-start gap-2 overflow-y-auto px-3 pt-3"
    >
      {items.map((item) => (
        <Chip key={item.key} item={item} uploads={uploads} />
      ))}
    </ul>
  );
}

function Chip({ item, uploads }: { readonly item: UploadItem; readonly uploads: Uploads }) {
  const { t } = useTranslation();
  const { file, step } = item;
  const name = item.isVoice ? t("composer.files.voice") : file.name;
  const isWrong = step.kind === "failed" || step.kind === "refused";
  const Icon = item.isVoice ? Mic : file.type.startsWith("image/") ? Image : FileIcon;
  return (
    <li
      className={classes(
        "relative flex w-60 max-w-full max-sm:w-full items-center gap-2.5 overflow-hidden rounded-button border py-1.5 ps-2.5 pe-1",
        isWrong ? "border-transparent bg-danger-soft" : "border-line bg-sunken",
      )}
    >
      <Icon aria-hidden="true" size={18} className={classes("shrink-0", isWrong ? "text-danger" : "text-ink-3")} />
      <span className="min-w-0 flex-1">
        <bdi className="block truncate text-small text-ink">{name}</bdi>
        <StepWords step={step} size={file.size} />
      </span>
      {step.kind === "failed" && (
        <IconButton
          size="sm"
          label={t("composer.files.retry", { name })}
          icon={<RotateCw size={14} />}
          onClick={() => void uploads.retry(item.key)}
        />
      )}
      <IconButton
        size="sm"
        label={t("composer.files.remove", { name })}
        icon={<X size={14} />}
        onClick={(event) => {
          // The button goes with its file. A key goes on in the field; a finger wants no keyboard over the page.
          if (event.detail === 0) fieldOf(event.currentTarget)?.focus();
          uploads.remove(item.key);
        }}
      />
      {step.kind === "sending" && (
        <span
          role="progressbar"
          aria-label={name}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(step.done * 100)}
          className="absolute inset-x-0 bottom-0 h-0.5 bg-hover"
        >
          <span
            className="block h-full bg-accent transition-[width] duration-200"
            style={{ width: `${step.done * 100}%` }}
          />
        </span>
      )}
    </li>
  );
}

function fieldOf(part: Element): HTMLElement | null {
  return part.closest("section")?.querySelector<HTMLElement>("[data-landmark-focus]") ?? null;
}

function StepWords({ step, size }: { readonly step: Step; readonly size: number }) {
  const { t } = useTranslation();
  switch (step.kind) {
    case "checking":
      return <Line>{t("composer.files.checking")}</Line>;
    case "sending":
      return (
        <Line>
          {t("composer.files.sending", { percent: formatPercent(step.done) })} · {formatBytes(size)}
        </Line>
      );
    case "ready":
      return (
        <Line>
          <CircleCheck aria-hidden="true" size={12} className="inline text-ok" /> {t("composer.files.ready")} ·{" "}
          {formatBytes(size)}
        </Line>
      );
    case "failed":
      return <Wrong title={t("composer.files.failed")} reason={step.reason || t("composer.files.offline")} />;
    case "refused":
      return (
        <Wrong
          title={t(step.code === "too_big" ? "composer.files.tooBig" : "composer.files.refused")}
          reason={inOurWords(step.code, step.reason)}
        />
      );
  }
}

/** Codes of the page's own, of a file that never left, have said it in its language already. */
function inOurWords(code: string, reason: string): string {
  return hasWords(code) && code !== "too_big" ? wordsOf(code, reason) : reason;
}

function Line({ children }: { readonly children: React.ReactNode }) {
  return <span className="block truncate text-meta text-ink-3 tabular-nums">{children}</span>;
}

function Wrong({ title, reason }: { readonly title: string; readonly reason: string }) {
  return (
    <span role="alert" className="block text-meta text-danger">
      <CircleAlert aria-hidden="true" size={12} className="me-1 inline" />
      {title}
      {reason !== "" && (
        <span data-tip={reason} className="line-clamp-2 text-ink-2 wrap-anywhere">
          {reason.charAt(0).toLocaleUpperCase() + reason.slice(1)}
        </span>
      )}
    </span>
  );
}
