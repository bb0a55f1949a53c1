/** Asks once more before a role changes, or somebody goes; the server's refusal is shown in the same window. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomClient } from "../../connection/types";
import type { Member } from "../../protocol/wire";
import type { RoomState } from "../../room/state";
import { Confirm } from "../../ui/Confirm";
import { Field, Select, Switch } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { useMe } from "../hooks";
import { inWords } from "./inWords";
import { isLastOwner, type PersonRole } from "./roles";

export type Doing =
  | { readonly kind: "role"; readonly member: Member; readonly role: PersonRole }
  | { readonly kind: "remove" | "ban" | "leave" | "handOver"; readonly member: Member };

export interface MemberActsProps {
  readonly room: RoomClient;
  readonly state: RoomState;
  readonly doing: Doing | undefined;
  readonly onDone: () => void;
}

export function MemberActs({ room, state, doing, onDone }: MemberActsProps) {
  const { t } = useTranslation();
  const me = useMe();
  const [, navigate] = useLocation();
  if (doing === undefined) return null;
  if (doing.kind === "handOver") return <HandOver room={room} state={state} me={doing.member} onDone={onDone} />;
  const { member } = doing;
  const name = member.display_name;
  const isMe = member.account_id === me.id;
  const onOpenChange = (isOpen: boolean) => {
    if (!isOpen) onDone();
  };
  if (doing.kind === "role") {
    const role = t(`common.roles.${doing.role}`);
    return (
      <Confirm
        isOpen
        onOpenChange={onOpenChange}
        title={isMe ? t("members.roleTitleMe", { role }) : t("members.roleTitle", { name, role })}
        description={isMe && isLastOwner(state, member) ? t("members.lastOwner") : t(`members.roleHints.${doing.role}`)}
        action={t("members.roleAction")}
        isDanger={doing.role === "owner" || isMe}
        isDisabled={isMe && isLastOwner(state, member)}
        onConfirm={() =>
          inWords(room.ask({ type: "set_role", account_id: member.account_id, role: doing.role })).then(() =>
            toast(t("members.roleDone", { name, role }), { tone: "ok" }),
          )
        }
      />
    );
  }
  if (doing.kind === "leave") {
    return (
      <Confirm
        isOpen
        onOpenChange={onOpenChange}
        title={t("members.leaveTitle", { room: state.room.name })}
        description={t(isLastOwner(state, member) ? "members.lastOwner" : "members.leaveText")}
        action={t("members.leave")}
        isDanger
        isDisabled={isLastOwner(state, member)}
        onConfirm={() => inWords(room.ask({ type: "leave_room" })).then(() => navigate("/"))}
      />
    );
  }
  const isBan = doing.kind === "ban";
  return (
    <Confirm
      isOpen
      onOpenChange={onOpenChange}
      title={t(isBan ? "members.banTitle" : "members.removeTitle", { name })}
      description={t(member.kind === "ai" ? "members.removeAiText" : isBan ? "members.banText" : "members.removeText")}
      action={t(isBan ? "members.ban" : "members.remove")}
      isDanger
      onConfirm={() =>
        inWords(room.ask({ type: "remove_member", account_id: member.account_id, ban: isBan })).then(() =>
          toast(t(isBan ? "members.banDone" : "members.removeDone", { name }), { tone: "ok" }),
        )
      }
    />
  );
}

/** Makes somebody an owner, and then, if wanted, oneself an admin. */
function HandOver({
  room,
  state,
  me,
  onDone,
}: {
  readonly room: RoomClient;
  readonly state: RoomState;
  readonly me: Member;
  readonly onDone: () => void;
}) {
  const { t } = useTranslation();
  const others = [...state.members.values()].filter((one) => one.kind === "human" && one.account_id !== me.account_id);
  const [to, setTo] = useState(others[0]?.account_id ?? "");
  const [stepsDown, setStepsDown] = useState(true);
  const heir = others.find((one) => one.account_id === to);
  const handOver = async () => {
    if (heir === undefined) return;
    if (heir.role !== "owner") await room.ask({ type: "set_role", account_id: heir.account_id, role: "owner" });
    if (stepsDown) await room.ask({ type: "set_role", account_id: me.account_id, role: "admin" });
    toast(t("members.handOverDone", { name: heir.display_name }), { tone: "ok" });
  };
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onDone();
      }}
      title={t("members.handOverTitle")}
      description={t("members.handOverText")}
      action={t("members.handOverAction")}
      isDanger
      isDisabled={heir === undefined}
      onConfirm={() => inWords(handOver())}
    >
      {others.length === 0 ? (
        <p className="text-small text-ink-2">{t("members.handOverNobody")}</p>
      ) : (
        <div className="flex flex-col gap-4">
          <Field label={t("members.handOverTo")}>
            <Select
              value={to}
              onChange={setTo}
              options={others.map((one) => ({
                value: one.account_id,
                label: `${one.display_name} (@${one.handle})`,
              }))}
            />
          </Field>
          <Switch
            label={t("members.stepDown")}
            hint={t("members.stepDownHint")}
            isOn={stepsDown}
            onChange={setStepsDown}
          />
        </div>
      )}
    </Confirm>
  );
}
