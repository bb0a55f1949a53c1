/** Ways in for other programs: secrets that fire a webhook rule, made and revoked here. */

import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { HookMade, HookView } from "../../protocol/api";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { Menu, MenuItem } from "../../ui/Menu";
import { Time } from "../../ui/Time";
import { sentenceOf, useAct, useAnswer } from "../answers";
import { useClient } from "../hooks";
import { Name, usePeople } from "../people";
import { Loading, Note, Refusal } from "../sections";
import { CopyButton } from "./CopyButton";
import type { SectionProps } from "./GeneralSection";
import { Block, Once, Row, Rows } from "./layout";
import { useSettings } from "./useSettings";

export function WebhooksSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const people = usePeople(room);
  const { settings } = useSettings(room);
  const { run, isBusy } = useAct();
  const [made, setMade] = useState<HookMade>();
  const [going, setGoing] = useState<HookView>();
  const may = rights.may("webhooks") && !rights.isArchived;
  const places = { room_id: room.id };
  const hooks = useAnswer("GET /api/v1/rooms/{room_id}/hooks", rights.may("webhooks") ? { places } : undefined);
  const rules = (settings.triggers ?? []).filter((rule) => rule.type === "webhook");
  const make = (rule_id: string) =>
    void run(async () => {
      setMade(await rest.call("POST /api/v1/rooms/{room_id}/hooks", { places, body: { rule_id } }));
      hooks.again();
    });
  if (!rights.may("webhooks")) return <Note>{t("settings.notForYou")}</Note>;
  return (
    <Block
      title={t("settings.webhooks")}
      hint={t("settings.webhooksHint")}
      actions={
        may &&
        rules.length > 0 && (
          <Menu
            trigger={
              <Button icon={<Plus aria-hidden="true" size={16} />} isBusy={isBusy}>
                {t("settings.makeSecret")}
              </Button>
            }
          >
            {rules.map((rule) => (
              <MenuItem key={rule.id} onSelect={() => make(rule.id)}>
                {t("settings.forRule", { id: rule.id })}
              </MenuItem>
            ))}
          </Menu>
        )
      }
    >
      {rules.length === 0 && (
        <Note>
          {t("settings.noWebhookRule")}{" "}
          <Link href={`/r/${room.id}/settings/triggers`} className="text-accent underline">
            {t("settings.toTriggers")}
          </Link>
        </Note>
      )}
      {hooks.refusal !== undefined && <Refusal text={hooks.refusal} onRetry={hooks.again} />}
      {hooks.value === undefined && hooks.refusal === undefined && <Loading />}
      <Rows>
        {(hooks.value?.hooks ?? []).map((hook) => (
          <Row
            key={hook.id}
            title={
              <>
                <code>{hook.rule_id}</code>
                {hook.revoked_at !== undefined && <Badge>{t("settings.revoked")}</Badge>}
              </>
            }
            hint={
              <>
                <Name people={people} id={hook.created_by} /> · <Time at={hook.created_at} as="relative" />
              </>
            }
            actions={
              may &&
              hook.revoked_at === undefined && (
                <Button size="sm" onClick={() => setGoing(hook)}>
                  {t("settings.revoke")}
                </Button>
              )
            }
          />
        ))}
      </Rows>
      <Dialog
        isOpen={made !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setMade(undefined);
        }}
        title={t("settings.secretMade")}
        description={t("settings.shownOnce")}
        footer={made !== undefined && <CopyButton text={made.secret} />}
      >
        {made !== undefined && (
          <div className="flex flex-col gap-4">
            <Once label={t("settings.secret")} text={made.secret} />
            <Once
              label={t("settings.howToFire")}
              text={`curl -X POST ${location.origin}/api/v1/hooks -H "Authorization: Bearer ${made.secret}" -H "content-type: text/plain" -d "…"`}
            />
          </div>
        )}
      </Dialog>
      <Confirm
        isOpen={going !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setGoing(undefined);
        }}
        title={t("settings.revokeTitle")}
        description={t("settings.revokeHint")}
        action={t("settings.revoke")}
        isDanger
        onConfirm={async () => {
          if (going === undefined) return;
          await rest
            .call("DELETE /api/v1/rooms/{room_id}/hooks/{hook_id}", { places: { ...places, hook_id: going.id } })
            .catch((error: unknown) => {
              throw new Error(sentenceOf(error));
            });
          hooks.again();
        }}
      />
    </Block>
  );
}
