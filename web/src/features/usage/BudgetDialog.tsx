/** Sets how much the room's AIs may use: in all, and for each person who asks. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input } from "../../ui/Field";
import { sentenceOf } from "../answers";
import { Refusal } from "../sections";
import {
  type BudgetForm,
  budgetOf,
  CAPS,
  type CapName,
  formOf,
  isMoney,
  isWrong,
  WHOSE,
  type Whose,
} from "./budgetForm";

export interface BudgetDialogProps {
  readonly room: RoomClient;
  /** As the server's price list is kept; undefined while that is not known. */
  readonly currency: string | undefined;
  readonly onClose: () => void;
  readonly onSet: () => void;
}

export function BudgetDialog({ room, currency, onClose, onSet }: BudgetDialogProps) {
  const { t } = useTranslation();
  const [form, setForm] = useState<BudgetForm>(() => formOf(room.state.get()?.budget ?? {}));
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const isAnyWrong = WHOSE.some((whose) => CAPS.some((name) => isWrong(name, form[whose][name])));
  const change = (whose: Whose, name: CapName, text: string) =>
    setForm({ ...form, [whose]: { ...form[whose], [name]: text } });
  const save = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await room.ask({ type: "set_budget", budget: budgetOf(form) });
      onSet();
      onClose();
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("usage.setBudget")}
      description={t("usage.setBudgetHint")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="primary" isBusy={isBusy} disabled={isAnyWrong} onClick={() => void save()}>
            {t("common.save")}
          </Button>
        </>
      }
    >
      {WHOSE.map((whose) => (
        <fieldset key={whose} className="mb-5 last:mb-0">
          <legend className="mb-2 text-small font-semibold text-ink">{t(`usage.whose.${whose}`)}</legend>
          <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
            {CAPS.map((name) => (
              <Field
                key={name}
                label={t(`usage.capNames.${name}`, { currency: currency ?? "" })}
                error={isWrong(name, form[whose][name]) ? t("usage.notAnAmount") : undefined}
              >
                <Input
                  inputMode={isMoney(name) ? "decimal" : "numeric"}
                  autoComplete="off"
                  placeholder={t("usage.noCap")}
                  value={form[whose][name]}
                  onChange={(event) => change(whose, name, event.target.value)}
                />
              </Field>
            ))}
          </div>
        </fieldset>
      ))}
      {refusal !== undefined && <Refusal text={refusal} />}
    </Dialog>
  );
}
