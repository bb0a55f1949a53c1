/** Makes an account of this server a member at once, by its handle. */

import { type FormEvent, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { Member, Role } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input, Select } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { HandleField } from "../suggesting/HandleField";
import { withoutAt } from "../suggesting/handles";
import { type PersonRole, rolesUpTo } from "./roles";

export interface AddMemberProps {
  readonly room: RoomClient;
  /** Who is here already, and is not offered. */
  readonly members: ReadonlyMap<string, Member>;
  readonly highest: Role;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function AddMember({ room, members, highest, isOpen, onOpenChange }: AddMemberProps) {
  const { t } = useTranslation();
  const formId = useId();
  const [handle, setHandle] = useState("");
  const [role, setRole] = useState<PersonRole>("member");
  const [until, setUntil] = useState("");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const add = async (event: FormEvent) => {
    event.preventDefault();
    const name = withoutAt(handle);
    if (name === "") return setError(t("members.handleMissing"));
    setBusy(true);
    setError(undefined);
    try {
      await room.ask({
        type: "invite_member",
        handle: name,
        role,
        ...(role === "guest" && until !== "" ? { until: endOf(until) } : {}),
      });
      toast(t("members.added", { name }), { tone: "ok" });
      setHandle("");
      setUntil("");
      onOpenChange(false);
    } catch (refusal) {
      setError(sentenceOf(refusal));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={t("members.addMember")}
      description={t("members.addText")}
      size="sm"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>{t("common.cancel")}</Button>
          <Button type="submit" form={formId} variant="primary" isBusy={isBusy}>
            {t("common.add")}
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={(event) => void add(event)} className="flex flex-col gap-4">
        <HandleField
          label={t("members.handle")}
          hint={t("members.handleHint")}
          error={error}
          placeholder="@ana"
          roomId={room.id}
          without={members}
          value={handle}
          onChange={(text) => {
            setHandle(text);
            setError(undefined);
          }}
        />
        <Field label={t("members.role")} hint={t(`members.roleHints.${role}`)}>
          <Select
            value={role}
            onChange={setRole}
            options={rolesUpTo(highest).map((one) => ({ value: one, label: t(`common.roles.${one}`) }))}
          />
        </Field>
        {role === "guest" && (
          <Field label={`${t("members.guestUntil")} (${t("common.optional")})`} hint={t("members.guestUntilHint")}>
            <Input type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
          </Field>
        )}
      </form>
    </Dialog>
  );
}

/** The last moment of a day here. */
export function endOf(day: string): string {
  return new Date(`${day}T23:59:59`).toISOString();
}
