/** Has all that a person has said taken away, for good: looked at first, then confirmed by handle and password. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ErasurePreview } from "../../protocol/api";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input, Switch } from "../../ui/Field";
import { formatBytes, formatNumber } from "../../ui/i18n/format";
import { sentenceOf, useAnswer } from "../answers";
import { useClient, useMe } from "../hooks";
import { Loading, Refusal } from "../sections";
import { Block } from "./layout";

/** What of the counts is worth a line. */
const COUNTS = [
  "messages",
  "answers",
  "files",
  "transcripts",
  "facts",
  "points",
  "reactions",
  "rules",
  "invites",
] as const;

export function ErasureSection() {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <Block
      title={t("settings.erasure")}
      hint={t("settings.erasureHint")}
      actions={<Button onClick={() => setOpen(true)}>{t("settings.lookFirst")}</Button>}
    >
      {isOpen && <ErasureDialog onClose={() => setOpen(false)} />}
    </Block>
  );
}

function ErasureDialog({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const client = useClient();
  const me = useMe();
  const preview = useAnswer("GET /api/v1/me/erasure", {});
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const [handsOver, setHandsOver] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const isHeld = (preview.value?.held_by ?? []).length > 0 && !handsOver;
  const erase = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await client.rest.call("POST /api/v1/me/erasure", {
        body: {
          handle,
          ...(password === "" ? {} : { password }),
          ...(handsOver ? { hand_over: true } : {}),
        },
      });
      // The account is no more: begin anew, signed out.
      client.close();
      location.assign("/sign-in");
    } catch (error) {
      setRefusal(sentenceOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("settings.erasureTitle")}
      description={t("settings.erasureWarning")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button
            variant="danger"
            isBusy={isBusy}
            disabled={handle.trim() !== me.handle || preview.value === undefined || isHeld}
            onClick={() => void erase()}
          >
            {t("settings.eraseNow")}
          </Button>
        </>
      }
    >
      {preview.refusal !== undefined && <Refusal text={preview.refusal} onRetry={preview.again} />}
      {preview.isLoading && preview.value === undefined && <Loading lines={5} />}
      {preview.value !== undefined && (
        <div className="flex flex-col gap-4">
          <Counts preview={preview.value} />
          {(preview.value.held_by ?? []).length > 0 && (
            <Switch
              label={t("settings.handOver")}
              hint={t("settings.handOverHint", {
                rooms: (preview.value.held_by ?? []).map((room) => room.name).join(", "),
              })}
              isOn={handsOver}
              onChange={setHandsOver}
            />
          )}
          <Field label={t("settings.typeHandle", { handle: me.handle })}>
            <Input
              autoComplete="off"
              spellCheck={false}
              value={handle}
              onChange={(event) => setHandle(event.target.value)}
            />
          </Field>
          <Field label={t("settings.currentPassword")} hint={t("settings.erasurePasswordHint")}>
            <Input
              type="password"
              autoComplete="current-password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
            />
          </Field>
          {refusal !== undefined && <Refusal text={refusal} />}
        </div>
      )}
    </Dialog>
  );
}

function Counts({ preview }: { readonly preview: ErasurePreview }) {
  const { t } = useTranslation();
  const { counts } = preview;
  return (
    <>
      <dl className="grid grid-cols-2 gap-x-6 gap-y-1 rounded-card border border-line bg-sunken p-3 text-small max-sm:grid-cols-1">
        {COUNTS.filter((name) => counts[name] > 0).map((name) => (
          <div key={name} className="flex justify-between gap-3">
            <dt className="text-ink-2">{t(`settings.counts.${name}`)}</dt>
            <dd className="tabular-nums text-ink">
              {formatNumber(counts[name])}
              {name === "files" && ` (${formatBytes(counts.bytes)})`}
            </dd>
          </div>
        ))}
      </dl>
      {(preview.rooms ?? []).length > 0 && (
        <ul className="flex flex-col gap-1 text-small text-ink-2">
          {(preview.rooms ?? []).map((room) => (
            <li key={room.room_id}>
              <bdi className="font-medium text-ink">{room.name}</bdi>: {t(`settings.fates.${room.fate}`)}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
