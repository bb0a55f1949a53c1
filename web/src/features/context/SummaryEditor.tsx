/** Changes the running summary point by point. What another one changed meanwhile is never written over. */

import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Select, TextArea } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { Dialog } from "../../ui/windows";
import { sentenceOf } from "../answers";
import { Note, Refusal } from "../sections";
import { type Draft, differs, draftsOf, editsOf, SECTIONS } from "./pointEdits";

const LONGEST = 1000;

export function SummaryEditor({ room, onClose }: { readonly room: RoomClient; readonly onClose: () => void }) {
  const { t } = useTranslation();
  // What is edited is the version that was there when the window was opened.
  const [base, setBase] = useState(() => room.state.get()?.summary);
  const [drafts, setDrafts] = useState<readonly Draft[]>(() => draftsOf(base));
  const [made, setMade] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const isChanged = differs(drafts, base?.points ?? []);
  const change = (key: string, to: Partial<Draft>) =>
    setDrafts((all) => all.map((draft) => (draft.key === key ? { ...draft, ...to } : draft)));
  const save = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await room.ask({ type: "edit_summary", version: base?.version ?? 0, points: editsOf(drafts) });
      onClose();
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  const takeNewest = () => {
    const newest = room.state.get()?.summary;
    setBase(newest);
    setDrafts(draftsOf(newest));
    setRefusal(undefined);
  };
  const newest = room.state.get()?.summary?.version ?? 0;
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("context.editSummary")}
      description={t("context.editSummaryHint")}
      size="lg"
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="primary" isBusy={isBusy} disabled={!isChanged} onClick={() => void save()}>
            {t("common.save")}
          </Button>
        </>
      }
    >
      {drafts.length === 0 && <Note className="mb-3">{t("context.noPoints")}</Note>}
      <ul className="flex flex-col gap-3">
        {drafts.map((draft, place) => (
          <li key={draft.key} className="flex items-start gap-2 max-sm:flex-col">
            <Select
              aria-label={t("context.sectionOf", { number: place + 1 })}
              className="sm:max-w-44"
              value={draft.section}
              options={SECTIONS.map((value) => ({ value, label: t(`context.sections.${value}`) }))}
              onChange={(section) => change(draft.key, { section })}
            />
            <TextArea
              aria-label={t("context.point", { number: place + 1 })}
              dir="auto"
              rows={2}
              maxLength={LONGEST}
              className="min-h-9 flex-1"
              value={draft.text}
              onChange={(event) => change(draft.key, { text: event.target.value })}
            />
            <IconButton
              label={t("context.removePoint", { number: place + 1 })}
              icon={<Trash2 size={16} />}
              onClick={() => setDrafts((all) => all.filter((one) => one.key !== draft.key))}
            />
          </li>
        ))}
      </ul>
      <Button
        className="mt-3"
        size="sm"
        icon={<Plus aria-hidden="true" size={14} />}
        onClick={() => {
          setMade(made + 1);
          setDrafts([...drafts, { key: `new ${made}`, id: undefined, section: "other", text: "" }]);
        }}
      >
        {t("context.addPoint")}
      </Button>
      {refusal !== undefined && (
        <div className="mt-4 flex flex-col gap-2">
          <Refusal text={refusal} />
          {newest !== (base?.version ?? 0) && (
            <Button size="sm" className="self-start" onClick={takeNewest}>
              {t("context.takeNewest", { version: newest })}
            </Button>
          )}
        </div>
      )}
    </Dialog>
  );
}
