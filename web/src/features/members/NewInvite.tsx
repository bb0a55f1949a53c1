/** Makes an invite link: for whom, how often and how long; the link is shown this once. */

import { Check, Copy, MonitorSmartphone } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { InviteMade } from "../../protocol/api";
import type { Role } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { copyText } from "../../ui/copying";
import { Dialog } from "../../ui/Dialog";
import { Field, Input, Select } from "../../ui/Field";
import { formatDateTime } from "../../ui/i18n/format";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { Refusal } from "../sections";
import { endOf } from "./AddMember";
import { isLoopback, linkOf } from "./inviteLinks";
import { type PersonRole, rolesUpTo } from "./roles";

const USES = ["1", "5", "25", "100", "1000"] as const;
const SPANS = { hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000, year: 31_536_000 } as const;
type Span = keyof typeof SPANS;
const SPAN_NAMES: readonly Span[] = ["hour", "day", "week", "month", "year"];

export interface NewInviteProps {
  readonly room: RoomClient;
  readonly highest: Role;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly onMade: () => void;
}

export function NewInvite({ room, highest, isOpen, onOpenChange, onMade }: NewInviteProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const formId = useId();
  const [role, setRole] = useState<PersonRole>("member");
  const [uses, setUses] = useState<(typeof USES)[number]>("1");
  const [span, setSpan] = useState<Span>("week");
  const [until, setUntil] = useState("");
  const [made, setMade] = useState<InviteMade>();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const change = (open: boolean) => {
    if (!open) {
      setMade(undefined);
      setError(undefined);
    }
    onOpenChange(open);
  };
  const make = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const body = {
        role,
        uses: Number(uses),
        ttl_s: SPANS[span],
        ...(role === "guest" && until !== "" ? { member_until: endOf(until) } : {}),
      };
      setMade(await rest.call("POST /api/v1/rooms/{room_id}/invites", { places: { room_id: room.id }, body }));
      onMade();
    } catch (refusal) {
      setError(sentenceOf(refusal));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={change}
      title={t(made === undefined ? "members.invites.make" : "members.invites.madeTitle")}
      description={t(made === undefined ? "members.invites.text" : "members.invites.madeText")}
      footer={
        made === undefined ? (
          <>
            <Button onClick={() => change(false)}>{t("common.cancel")}</Button>
            <Button type="submit" form={formId} variant="primary" isBusy={isBusy}>
              {t("members.invites.make")}
            </Button>
          </>
        ) : (
          <Button variant="primary" onClick={() => change(false)}>
            {t("common.done")}
          </Button>
        )
      }
    >
      {made === undefined ? (
        <form
          id={formId}
          onSubmit={(event) => {
            event.preventDefault();
            void make();
          }}
          className="flex flex-col gap-4"
        >
          {error !== undefined && <Refusal text={error} />}
          <Field label={t("members.invites.role")} hint={t(`members.roleHints.${role}`)}>
            <Select
              value={role}
              onChange={setRole}
              options={rolesUpTo(highest).map((one) => ({ value: one, label: t(`common.roles.${one}`) }))}
            />
          </Field>
          <div className="grid grid-cols-2 gap-4">
            <Field label={t("members.invites.uses")}>
              <Select
                value={uses}
                onChange={setUses}
                options={USES.map((one) => ({
                  value: one,
                  label: t("members.invites.people", { count: Number(one) }),
                }))}
              />
            </Field>
            <Field label={t("members.invites.span")}>
              <Select
                value={span}
                onChange={setSpan}
                options={SPAN_NAMES.map((one) => ({ value: one, label: t(`members.invites.spans.${one}`) }))}
              />
            </Field>
          </div>
          {role === "guest" && (
            <Field label={`${t("members.guestUntil")} (${t("common.optional")})`} hint={t("members.guestUntilHint")}>
              <Input type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
            </Field>
          )}
        </form>
      ) : (
        <Made made={made} />
      )}
    </Dialog>
  );
}

function Made({ made }: { readonly made: InviteMade }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  const link = linkOf(window.location.origin, made.code);
  const copy = () =>
    copyText(link).then(
      () => setCopied(true),
      // Without the right to the clipboard the link is selected by a click on it.
      () => setCopied(false),
    );
  return (
    <div className="flex flex-col gap-3">
      <div className="flex items-end gap-2">
        <Field label={t("members.invites.link")} className="min-w-0 flex-1">
          <Input readOnly value={link} onFocus={(event) => event.target.select()} className="font-mono text-mono" />
        </Field>
        <Button
          variant="primary"
          className="h-9"
          icon={isCopied ? <Check aria-hidden="true" size={16} /> : <Copy aria-hidden="true" size={16} />}
          onClick={() => void copy()}
        >
          {t(isCopied ? "common.copied" : "common.copy")}
        </Button>
      </div>
      <p role="status" className="text-small text-ink-2">
        {made.uses === undefined ? t("members.invites.anyUses") : t("members.invites.usesLeft", { count: made.uses })}
        {made.expires_at !== undefined &&
          ` · ${t("members.invites.endsAt", { when: formatDateTime(made.expires_at) })}`}
      </p>
      {isLoopback(window.location.hostname) && <OnlyHere />}
    </div>
  );
}

function OnlyHere() {
  const { t } = useTranslation();
  return (
    <div className="flex items-start gap-2.5 rounded-button border border-warn-line bg-warn-soft px-3 py-2.5 text-small text-ink">
      <MonitorSmartphone aria-hidden="true" size={16} className="mt-0.5 shrink-0 text-warn" />
      <div className="min-w-0 wrap-anywhere">
        <p className="font-medium">{t("members.invites.onlyHere")}</p>
        <p>{t("members.invites.onlyHereText", { host: "MULTIPLAYER_HOST", url: "MULTIPLAYER_PUBLIC_URL" })}</p>
      </div>
    </div>
  );
}
