/** One rule to fill in, and to try out on what was said before it is set. */

import { FlaskConical } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { DryRun } from "../../protocol/api";
import type { Member } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input, Select, Switch, TextArea } from "../../ui/Field";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { Refusal } from "../sections";
import { DryRunView } from "./DryRunView";
import { DAYS, dayName } from "./days";
import {
  type GivenRule,
  problemsOf,
  type Rule,
  type RuleField,
  type RuleForm,
  ruleOf,
  whole,
  withRule,
} from "./triggerForms";

export interface RuleDialogProps {
  readonly room: RoomClient;
  readonly ais: readonly Member[];
  readonly rules: readonly GivenRule[];
  readonly form: RuleForm;
  /** The rule that is changed; undefined: it is new. */
  readonly was: GivenRule | undefined;
  readonly onClose: () => void;
  readonly onSave: (rule: Rule) => Promise<void>;
}

export function RuleDialog({ room, ais, rules, form: first, was, onClose, onSave }: RuleDialogProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [form, setForm] = useState(first);
  const [isTouched, setTouched] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [isTrying, setTrying] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const [tried, setTried] = useState<DryRun>();
  const others = rules.filter((rule) => rule.id !== was?.id).map((rule) => rule.id);
  const problems = problemsOf(form, others);
  const change = (to: Partial<RuleForm>) => {
    setForm({ ...form, ...to });
    setTried(undefined);
  };
  const made = () => {
    setTouched(true);
    setRefusal(undefined);
    return ruleOf(form, others, was);
  };
  const save = async () => {
    const rule = made();
    if (rule === undefined) return;
    setBusy(true);
    try {
      await onSave(rule);
      onClose();
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  const tryOut = async () => {
    const rule = made();
    if (rule === undefined) return;
    setTrying(true);
    try {
      const triggers = withRule(rules, rule, was?.id).map(whole);
      setTried(
        await rest.call("POST /api/v1/rooms/{room_id}/triggers/dry-run", {
          places: { room_id: room.id },
          body: { triggers },
        }),
      );
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setTrying(false);
    }
  };
  const wrong = (field: RuleField) =>
    isTouched && problems[field] === true ? t(`settings.wrong.${field}`) : undefined;
  const { type } = form;
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t(`settings.ruleTypes.${type}`)}
      description={t(`settings.ruleHints.${type}`)}
      size="md"
      footer={
        <>
          <Button
            className="mr-auto"
            icon={<FlaskConical aria-hidden="true" size={16} />}
            isBusy={isTrying}
            onClick={() => void tryOut()}
          >
            {t("settings.tryOut")}
          </Button>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="primary" isBusy={isBusy} onClick={() => void save()}>
            {t("common.save")}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <Switch label={t("settings.ruleIsOn")} isOn={form.isOn} onChange={(isOn) => change({ isOn })} />
        {type === "keyword" && (
          <Field label={t("settings.words")} hint={t("settings.wordsHint")} error={wrong("words")}>
            <TextArea
              dir="auto"
              rows={3}
              value={form.words}
              onChange={(event) => change({ words: event.target.value })}
            />
          </Field>
        )}
        {type === "every" && (
          <Field label={t("settings.everyMessages")} error={wrong("messages")}>
            <Input
              inputMode="numeric"
              value={form.messages}
              onChange={(event) => change({ messages: event.target.value })}
            />
          </Field>
        )}
        {type === "thread" && (
          <Field label={t("settings.idle")} error={wrong("idleS")}>
            <Input inputMode="numeric" value={form.idleS} onChange={(event) => change({ idleS: event.target.value })} />
          </Field>
        )}
        {type === "schedule" && (
          <>
            <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
              <Field label={t("settings.time")} error={wrong("at")}>
                <Input type="time" value={form.at} onChange={(event) => change({ at: event.target.value })} />
              </Field>
              <Field label={t("settings.zone")} error={wrong("zone")}>
                <Input
                  list="time-zones"
                  autoComplete="off"
                  value={form.zone}
                  onChange={(event) => change({ zone: event.target.value })}
                />
              </Field>
              <datalist id="time-zones">
                {Intl.supportedValuesOf("timeZone").map((zone) => (
                  <option key={zone} value={zone} />
                ))}
              </datalist>
            </div>
            <fieldset>
              <legend className="mb-1.5 text-small font-medium text-ink">{t("settings.onDays")}</legend>
              <div className="flex flex-wrap gap-1">
                {DAYS.map((day) => {
                  const isChosen = form.days.includes(day);
                  return (
                    <Button
                      key={day}
                      size="sm"
                      variant={isChosen ? "primary" : "secondary"}
                      aria-pressed={isChosen}
                      onClick={() =>
                        change({ days: isChosen ? form.days.filter((one) => one !== day) : [...form.days, day] })
                      }
                    >
                      {t(`settings.days.${dayName(day)}`)}
                    </Button>
                  );
                })}
              </div>
              <p className="mt-1 text-meta text-ink-3">{t("settings.noDays")}</p>
            </fieldset>
          </>
        )}
        {(type === "schedule" || type === "webhook") && (
          <Field label={t("settings.prompt")} error={wrong("prompt")}>
            <TextArea
              dir="auto"
              rows={3}
              value={form.prompt}
              onChange={(event) => change({ prompt: event.target.value })}
            />
          </Field>
        )}
        <Field label={t("settings.whichAi")}>
          <Select
            value={form.aiId}
            options={[
              { value: "", label: t("settings.addressedAi") },
              ...ais.map((ai) => ({ value: ai.account_id, label: ai.display_name })),
            ]}
            onChange={(aiId) => change({ aiId })}
          />
        </Field>
        <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
          <Field label={t("settings.cooldown")} error={wrong("cooldownS")}>
            <Input
              inputMode="numeric"
              value={form.cooldownS}
              onChange={(event) => change({ cooldownS: event.target.value })}
            />
          </Field>
          <Field label={t("settings.perMin")} error={wrong("perMin")}>
            <Input
              inputMode="numeric"
              value={form.perMin}
              onChange={(event) => change({ perMin: event.target.value })}
            />
          </Field>
        </div>
        <Field label={t("settings.ruleId")} hint={t("settings.ruleIdHint")} error={wrong("id")}>
          <Input
            spellCheck={false}
            autoComplete="off"
            // Secrets of a webhook are for the rule of this name.
            disabled={was?.type === "webhook"}
            value={form.id}
            onChange={(event) => change({ id: event.target.value })}
          />
        </Field>
        {refusal !== undefined && <Refusal text={refusal} />}
        {tried !== undefined && <DryRunView room={room} run={tried} ruleId={form.id} />}
      </div>
    </Dialog>
  );
}
