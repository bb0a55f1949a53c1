/** How tool calls are approved in the room, field by field in words, and which classes run without being asked about. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ApprovalPolicy, ToolClass } from "../../protocol/wire";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Field, Select, Switch } from "../../ui/Field";
import { formatDateTime, formatDuration, formatRelative } from "../../ui/i18n/format";
import { useMinute } from "../../ui/minute";
import { useClient, useReadable } from "../hooks";
import { Name, usePeople } from "../people";
import { Note } from "../sections";
import { NumberSetting } from "./AiSection";
import type { SectionProps } from "./GeneralSection";
import { Block, Row, Rows } from "./layout";
import { SPAN_NAMES, type Span, STANDING_FOR, standingUntil, withoutStanding, withStanding } from "./standing";
import { useSettings } from "./useSettings";

const SWITCHES = ["not_asker", "asks_before_writes", "admins_confirm", "members_confirm"] as const;
const EXPIRES_S = [60, 300, 600, 1_800, 3_600] as const;

export function ApprovalsSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { settings, isBusy, change } = useSettings(room);
  const policy = settings.approvals ?? {};
  const may = rights.may("settings") && !rights.isArchived;
  const set = (to: Partial<ApprovalPolicy>) =>
    void change((now) => ({ approvals: { ...(now.approvals ?? {}), ...to } }));
  const expires = policy.expires_s ?? 600;
  const choices: readonly number[] = EXPIRES_S.some((one) => one === expires) ? EXPIRES_S : [expires, ...EXPIRES_S];
  return (
    <>
      <Block title={t("settings.approvals")} hint={t("settings.approvalsHint")}>
        <div className="flex flex-col gap-4">
          <NumberSetting
            label={t("settings.approvers")}
            hint={t("settings.approversHint")}
            value={policy.approvers ?? 1}
            min={1}
            max={5}
            isDisabled={!may}
            onSave={(approvers) => set({ approvers: approvers ?? 1 })}
          />
          {SWITCHES.map((name) => (
            <Switch
              key={name}
              label={t(`settings.policy.${name}`)}
              hint={t(`settings.policyHints.${name}`)}
              isOn={policy[name] ?? false}
              disabled={!may || isBusy}
              onChange={(isOn) => set({ [name]: isOn })}
            />
          ))}
          <Field label={t("settings.expires")} hint={t("settings.expiresHint")} className="max-w-sm">
            <Select
              disabled={!may || isBusy}
              value={String(expires)}
              options={choices.map((seconds) => ({ value: String(seconds), label: formatDuration(seconds) }))}
              onChange={(seconds) => set({ expires_s: Number(seconds) })}
            />
          </Field>
        </div>
      </Block>
      <Standing room={room} rights={rights} />
    </>
  );
}

function Standing({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const offset = useReadable(useClient().clockOffsetMs);
  const { settings, isBusy, change } = useSettings(room);
  const [toolClass, setToolClass] = useState<ToolClass>("terminal");
  const [span, setSpan] = useState<Span>("day");
  const may = rights.may("settings") && !rights.isArchived;
  useMinute();
  const now = Date.now() + offset;
  const rules = (settings.approvals?.standing ?? []).filter((rule) => Date.parse(rule.until) > now);
  return (
    <Block title={t("settings.standing")} hint={t("settings.standingHint")}>
      {rules.length === 0 && <Note>{t("settings.noStanding")}</Note>}
      <Rows>
        {rules.map((rule) => (
          <Row
            key={rule.tool_class}
            title={<Badge tone="warn">{t(`settings.classes.${rule.tool_class}`)}</Badge>}
            hint={
              <>
                {t("settings.until", { at: formatDateTime(rule.until), relative: formatRelative(rule.until, now) })}
                {rule.set_by !== undefined && (
                  <>
                    {" · "}
                    {t("settings.setBy")} <Name people={people} id={rule.set_by} />
                  </>
                )}
              </>
            }
            actions={
              may && (
                <Button
                  size="sm"
                  disabled={isBusy}
                  onClick={() =>
                    void change((all) => ({
                      approvals: {
                        ...(all.approvals ?? {}),
                        standing: withoutStanding(all.approvals?.standing ?? [], rule.tool_class),
                      },
                    }))
                  }
                >
                  {t("settings.endNow")}
                </Button>
              )
            }
          />
        ))}
      </Rows>
      {may && (
        <div className="mt-4 flex flex-wrap items-end gap-3 border-t border-line pt-4">
          <Field label={t("settings.class")} className="min-w-52 flex-1">
            <Select
              value={toolClass}
              options={STANDING_FOR.map((value) => ({ value, label: t(`settings.classes.${value}`) }))}
              onChange={setToolClass}
            />
          </Field>
          <Field label={t("settings.forHowLong")} className="min-w-36 flex-1">
            <Select
              value={span}
              options={SPAN_NAMES.map((value) => ({ value, label: t(`settings.spans.${value}`) }))}
              onChange={setSpan}
            />
          </Field>
          <Button
            isBusy={isBusy}
            className="h-9"
            onClick={() =>
              void change((all) => ({
                approvals: {
                  ...(all.approvals ?? {}),
                  standing: withStanding(
                    all.approvals?.standing ?? [],
                    toolClass,
                    standingUntil(span, Date.now() + offset),
                    Date.now() + offset,
                  ),
                },
              }))
            }
          >
            {t("settings.letRun")}
          </Button>
        </div>
      )}
    </Block>
  );
}
