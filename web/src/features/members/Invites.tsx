/** The room's invite links that still count: what they give, how often, until when; revoke one, make one. */

import { Link2, Plus } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { InviteView } from "../../protocol/api";
import type { Role } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { useMinute } from "../../ui/minute";
import { useAnswer } from "../answers";
import { useClient, useRoomState } from "../hooks";
import { usePeople } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { timeLeft } from "./inviteLinks";
import { inWords } from "./inWords";
import { NewInvite } from "./NewInvite";

export function Invites({ room, highest }: { readonly room: RoomClient; readonly highest: Role }) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const people = usePeople(room);
  const members = useRoomState(room, (state) => state.members);
  // Whoever came in may have used one of them up.
  const who = useMemo(() => [...(members?.keys() ?? [])].join(" "), [members]);
  const list = useAnswer("GET /api/v1/rooms/{room_id}/invites", { places: { room_id: room.id } }, who);
  const [isMaking, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<InviteView>();
  useMinute();
  const open = (list.value?.invites ?? []).filter((invite) => counts(invite, Date.now()));
  const revoke = async (invite: InviteView) => {
    await rest.call("DELETE /api/v1/rooms/{room_id}/invites/{invite_id}", {
      places: { room_id: room.id, invite_id: invite.id },
    });
    list.again();
  };
  return (
    <Section
      title={t("members.invites.title")}
      actions={
        <Button size="sm" icon={<Plus aria-hidden="true" size={14} />} onClick={() => setMaking(true)}>
          {t("members.invites.make")}
        </Button>
      }
    >
      {list.refusal !== undefined && <Refusal text={list.refusal} onRetry={list.again} />}
      {list.isLoading && list.value === undefined && <Loading lines={2} />}
      {list.value !== undefined && open.length === 0 && <Note>{t("members.invites.none")}</Note>}
      <ul className="flex flex-col gap-1">
        {open.map((invite) => (
          <li key={invite.id} className="flex min-h-11 items-center gap-3">
            <Link2 aria-hidden="true" size={16} className="shrink-0 text-ink-3" />
            <span className="min-w-0 flex-1">
              <span className="block text-small text-ink">
                {t("members.invites.as", { role: t(roleKey(invite.role)) })}
              </span>
              <span className="block text-meta text-ink-3">
                {invite.uses_left === undefined
                  ? t("members.invites.anyUses")
                  : t("members.invites.usesLeft", { count: invite.uses_left })}
                {" · "}
                {invite.expires_at === undefined
                  ? t("members.invites.noEnd")
                  : t("members.invites.ends", { when: timeLeft(invite.expires_at, Date.now()) })}
                {" · "}
                <bdi>{t("members.invites.by", { name: people.name(invite.created_by) })}</bdi>
              </span>
            </span>
            <Button size="sm" variant="ghost" onClick={() => setRevoking(invite)}>
              {t("members.invites.revoke")}
            </Button>
          </li>
        ))}
      </ul>
      <NewInvite room={room} highest={highest} isOpen={isMaking} onOpenChange={setMaking} onMade={list.again} />
      <Confirm
        isOpen={revoking !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setRevoking(undefined);
        }}
        title={t("members.invites.revokeTitle")}
        description={t("members.invites.revokeText")}
        action={t("members.invites.revoke")}
        isDanger
        onConfirm={() => (revoking === undefined ? undefined : inWords(revoke(revoking)))}
      />
    </Section>
  );
}

/** Whether somebody could still come in by it. */
export function counts(invite: InviteView, now: number): boolean {
  if (invite.revoked_at !== undefined || invite.uses_left === 0) return false;
  return invite.expires_at === undefined || new Date(invite.expires_at).getTime() > now;
}

function roleKey(role: string) {
  if (role === "owner" || role === "admin" || role === "guest") return `common.roles.${role}` as const;
  return "common.roles.member" as const;
}
