/** When an AI takes a turn: the room's rules, each in words, switched, changed and tried out. */

import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { IconButton } from "../../ui/IconButton";
import { Menu, MenuItem } from "../../ui/Menu";
import { usePeople } from "../people";
import { Note } from "../sections";
import { useAis } from "./AiSection";
import type { SectionProps } from "./GeneralSection";
import { Block, Row, Rows } from "./layout";
import { RuleDialog } from "./RuleDialog";
import { RuleWords } from "./RuleWords";
import { emptyForm, formOf, type GivenRule, MOST_RULES, type RuleForm, TYPES, withRule } from "./triggerForms";
import { changeSettings, useSettings } from "./useSettings";

interface Editing {
  readonly form: RuleForm;
  readonly was: GivenRule | undefined;
}

export function TriggersSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { settings, isBusy, change } = useSettings(room);
  const people = usePeople(room);
  const ais = useAis(room);
  const [editing, setEditing] = useState<Editing>();
  const [going, setGoing] = useState<GivenRule>();
  const rules = settings.triggers ?? [];
  const may = rights.may("choose_ai") && rights.may("settings") && !rights.isArchived;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const ids = rules.map((rule) => rule.id);
  return (
    <>
      <Block
        title={t("settings.triggers")}
        hint={t("settings.triggersHint")}
        actions={
          may && (
            <Menu
              trigger={
                <Button icon={<Plus aria-hidden="true" size={16} />} disabled={rules.length >= MOST_RULES}>
                  {t("settings.addRule")}
                </Button>
              }
            >
              {TYPES.map((type) => (
                <MenuItem key={type} onSelect={() => setEditing({ form: emptyForm(type, ids, zone), was: undefined })}>
                  {t(`settings.ruleTypes.${type}`)}
                </MenuItem>
              ))}
            </Menu>
          )
        }
      >
        {rules.length === 0 && <Note>{t("settings.noRules")}</Note>}
        <Rows>
          {rules.map((rule) => (
            <Row
              key={rule.id}
              title={
                <>
                  {t(`settings.ruleTypes.${rule.type}`)}
                  {rule.is_on === false && <Badge>{t("common.off")}</Badge>}
                </>
              }
              hint={
                <>
                  <RuleWords rule={rule} />
                  {rule.ai_id !== undefined && (
                    <>
                      {" "}
                      <bdi>{people.name(rule.ai_id)}</bdi> {t("settings.answers")}
                    </>
                  )}{" "}
                  <span className="text-ink-3">
                    <code>{rule.id}</code>
                  </span>
                </>
              }
              actions={
                may && (
                  <>
                    <Button
                      size="sm"
                      variant="ghost"
                      disabled={isBusy}
                      aria-label={t(rule.is_on === false ? "settings.switchOn" : "settings.switchOff", { id: rule.id })}
                      onClick={() =>
                        void change((now) => ({
                          triggers: (now.triggers ?? []).map((one) =>
                            one.id === rule.id ? { ...one, is_on: one.is_on === false } : one,
                          ),
                        }))
                      }
                    >
                      {rule.is_on === false ? t("settings.on") : t("settings.off")}
                    </Button>
                    <IconButton
                      size="sm"
                      label={t("settings.changeRule", { id: rule.id })}
                      icon={<Pencil size={14} />}
                      onClick={() => setEditing({ form: formOf(rule), was: rule })}
                    />
                    <IconButton
                      size="sm"
                      label={t("settings.removeRule", { id: rule.id })}
                      icon={<Trash2 size={14} />}
                      onClick={() => setGoing(rule)}
                    />
                  </>
                )
              }
            />
          ))}
        </Rows>
      </Block>
      {editing !== undefined && (
        <RuleDialog
          room={room}
          ais={ais}
          rules={rules}
          form={editing.form}
          was={editing.was}
          onClose={() => setEditing(undefined)}
          onSave={(rule) =>
            changeSettings(room, (now) => ({ triggers: withRule(now.triggers ?? [], rule, editing.was?.id) }))
          }
        />
      )}
      <Confirm
        isOpen={going !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setGoing(undefined);
        }}
        title={t("settings.removeRule", { id: going?.id ?? "" })}
        description={going?.type === "webhook" ? t("settings.removeWebhookRule") : t("settings.removeRuleHint")}
        action={t("common.remove")}
        isDanger
        onConfirm={() =>
          changeSettings(room, (now) => ({ triggers: (now.triggers ?? []).filter((one) => one.id !== going?.id) }))
        }
      />
    </>
  );
}
