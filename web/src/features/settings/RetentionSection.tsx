/** How long the room keeps what is said. A rule is looked at before it is set: what it would remove is gone for good. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RetentionPreview } from "../../protocol/api";
import type { Retention } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Field, Input, Switch } from "../../ui/Field";
import { formatBytes, formatDate, formatDateTime, formatNumber } from "../../ui/i18n/format";
import { sentenceOf, useAnswer } from "../answers";
import { usePeople } from "../people";
import { Loading, Note, Refusal } from "../sections";
import type { SectionProps } from "./GeneralSection";
import { Block } from "./layout";
import { isSameRetention, type RetentionForm, retentionForm, retentionIn } from "./retentionForm";
import { changeSettings, useSettings } from "./useSettings";

export function RetentionSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { settings } = useSettings(room);
  const people = usePeople(room);
  const rule = settings.retention ?? {};
  const [form, setForm] = useState<RetentionForm>(() => retentionForm(rule));
  const [looked, setLooked] = useState<Retention>();
  const [isSetting, setSetting] = useState(false);
  const may = rights.may("archive");
  const wanted = retentionIn(form);
  const places = { room_id: room.id };
  const report = useAnswer("GET /api/v1/rooms/{room_id}/retention", may ? { places } : undefined, JSON.stringify(rule));
  const preview = useAnswer(
    "GET /api/v1/rooms/{room_id}/retention",
    looked === undefined ? undefined : { places, query: { ...looked, keeps_pinned: looked.keeps_pinned ?? true } },
  );
  const isChanged = wanted !== undefined && !isSameRetention(wanted, rule);
  const isLooked = wanted !== undefined && looked !== undefined && isSameRetention(wanted, looked);
  const change = (to: Partial<RetentionForm>) => setForm({ ...form, ...to });
  const wrong = (text: string) =>
    text.trim() === "" || retentionIn({ ...form, messages: text, files: "" }) ? undefined : t("settings.daysWrong");
  return (
    <Block title={t("settings.retention")} hint={may ? t("settings.retentionHint") : t("settings.retentionOwners")}>
      {report.refusal !== undefined && <Refusal text={report.refusal} onRetry={report.again} />}
      <div className="flex flex-col gap-4">
        <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
          <Field label={t("settings.messagesDays")} hint={t("settings.emptyForGood")} error={wrong(form.messages)}>
            <Input
              inputMode="numeric"
              autoComplete="off"
              disabled={!may}
              value={form.messages}
              onChange={(event) => change({ messages: event.target.value })}
            />
          </Field>
          <Field label={t("settings.filesDays")} hint={t("settings.filesDaysHint")} error={wrong(form.files)}>
            <Input
              inputMode="numeric"
              autoComplete="off"
              disabled={!may}
              value={form.files}
              onChange={(event) => change({ files: event.target.value })}
            />
          </Field>
        </div>
        <Switch
          label={t("settings.keepsPinned")}
          hint={t("settings.keepsPinnedHint")}
          isOn={form.keepsPinned}
          disabled={!may}
          onChange={(keepsPinned) => change({ keepsPinned })}
        />
        {report.value?.server_days !== undefined && (
          <Note>{t("settings.serverDays", { count: report.value.server_days })}</Note>
        )}
        {report.value?.last !== undefined && (
          <Note>
            {t("settings.lastRemoved", {
              at: formatDateTime(report.value.last.at),
              messages: formatNumber(report.value.last.messages),
              files: formatNumber(report.value.last.files),
            })}
          </Note>
        )}
        {may && (
          <div className="flex flex-wrap gap-2">
            <Button
              disabled={wanted === undefined}
              isBusy={preview.isLoading}
              onClick={() => {
                setLooked(wanted);
                if (isLooked) preview.again();
              }}
            >
              {t("settings.preview")}
            </Button>
            <Button
              variant="primary"
              disabled={!isChanged || !isLooked || preview.value === undefined}
              onClick={() => setSetting(true)}
            >
              {t("settings.setRule")}
            </Button>
          </div>
        )}
        {may && isChanged && !isLooked && <Note className="text-meta">{t("settings.previewFirst")}</Note>}
        {preview.refusal !== undefined && <Refusal text={preview.refusal} onRetry={preview.again} />}
        {preview.isLoading && preview.value === undefined && <Loading />}
        {isLooked && preview.value !== undefined && <Preview preview={preview.value.preview} name={people.name} />}
      </div>
      <Confirm
        isOpen={isSetting}
        onOpenChange={setSetting}
        title={t("settings.setRuleTitle")}
        description={preview.value === undefined ? undefined : <Sum preview={preview.value.preview} />}
        action={t("settings.setRule")}
        isDanger
        onConfirm={async () => {
          await changeSettings(room, { retention: wanted }).catch((error: unknown) => {
            throw new Error(sentenceOf(error));
          });
        }}
      />
    </Block>
  );
}

function Sum({ preview }: { readonly preview: RetentionPreview }) {
  const { t } = useTranslation();
  if (preview.messages === 0 && preview.files === 0) return t("settings.nothingGoes");
  return t("settings.wouldGo", {
    messages: formatNumber(preview.messages),
    files: formatNumber(preview.files),
    size: formatBytes(preview.size),
  });
}

interface PreviewProps {
  readonly preview: RetentionPreview;
  readonly name: (id: string) => string;
}

function Preview({ preview, name }: PreviewProps) {
  const { t } = useTranslation();
  const first = preview.first ?? [];
  return (
    <div role="status" className="rounded-card border border-warn-line bg-warn-soft p-3 text-small">
      <p className="font-medium text-ink">
        <Sum preview={preview} />
      </p>
      <ul className="text-ink-2">
        {preview.oldest !== undefined && preview.newest !== undefined && (
          <li>{t("settings.fromTo", { from: formatDate(preview.oldest), to: formatDate(preview.newest) })}</li>
        )}
        {preview.pinned_kept > 0 && <li>{t("settings.pinnedStay", { count: preview.pinned_kept })}</li>}
        {preview.waiting > 0 && <li>{t("settings.goLater", { count: preview.waiting })}</li>}
      </ul>
      {first.length > 0 && (
        <ul className="mt-2 flex flex-col gap-1 border-t border-warn-line pt-2">
          {first.map((one) => (
            <li key={one.message_id} className="truncate text-ink-2">
              <span className="text-ink-3">{formatDate(one.at)}</span>{" "}
              <bdi className="font-medium text-ink">{name(one.author_id)}</bdi>{" "}
              <span dir="auto">{one.keeps_words ? (one.files ?? []).join(", ") : one.text}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
