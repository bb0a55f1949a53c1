/** One member: name, handle, what it is, whether it is here, and a menu of what may be done. */

import { ArrowRightLeft, Ban, Bot, LogOut, MessageSquare, MoreHorizontal, UserCog, UserMinus } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { Member } from "../../protocol/wire";
import type { RoomState } from "../../room/state";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { IconButton } from "../../ui/IconButton";
import { formatDate, formatDateTime } from "../../ui/i18n/format";
import { Menu, MenuItem, MenuRadio, MenuSeparator, MenuSub } from "../../ui/Menu";
import { useAct } from "../answers";
import { useClient } from "../hooks";
import { focusComposer } from "../replying";
import type { Doing } from "./MemberActs";
import { isFixed, mayRemove, type PersonRole, rolesFor } from "./roles";

type What = Doing extends infer D ? (D extends Doing ? Omit<D, "member"> : never) : never;

export interface MemberRowProps {
  readonly state: RoomState;
  readonly member: Member;
  readonly onDo: (what: What) => void;
}

export function MemberRow({ state, member, onDo }: MemberRowProps) {
  const { t } = useTranslation();
  const { me } = useClient();
  const isAi = member.kind === "ai";
  const isMe = member.account_id === me.id;
  const isOnline = state.online.has(member.account_id);
  return (
    <li
      data-member={member.account_id}
      className="flex min-h-12 items-center gap-3 rounded-button px-2 py-1 hover:bg-hover"
    >
      <Avatar name={member.display_name} seed={member.account_id} isAi={isAi} isOnline={isOnline && !isAi} />
      <span className="min-w-0 flex-1">
        <span className="flex min-w-0 flex-wrap items-center gap-x-1.5 gap-y-0.5">
          <bdi className="truncate text-small font-medium text-ink">{member.display_name}</bdi>
          {isAi && <Badge tone="ai">{t("common.ai")}</Badge>}
          {member.kind === "bot" && <Badge icon={<Bot aria-hidden="true" size={11} />}>{t("members.bot")}</Badge>}
          {isMe && <span className="text-meta text-ink-3">({t("common.you")})</span>}
        </span>
        <span className="flex flex-wrap gap-x-2 text-meta text-ink-3">
          <span className="truncate">@{member.handle}</span>
          {!isAi && (
            <span className={isOnline ? "text-ok" : ""}>{t(isOnline ? "members.online" : "members.offline")}</span>
          )}
          {member.until !== undefined && (
            <span data-tip={formatDateTime(member.until)}>
              {t("members.until", { date: formatDate(member.until) })}
            </span>
          )}
        </span>
      </span>
      <Acts state={state} member={member} onDo={onDo} />
    </li>
  );
}

function Acts({ state, member, onDo }: MemberRowProps) {
  const { t } = useTranslation();
  const { me, rest } = useClient();
  const [, navigate] = useLocation();
  const { run } = useAct();
  const isMe = member.account_id === me.id;
  const roles = rolesFor(state, me.id, member);
  const isRemovable = mayRemove(state, me.id, member);
  const writes = !isMe && !(state.room.kind === "direct" && state.members.size === 2);
  const leaves = isMe && state.room.kind === "room" && !state.isLeft && !state.isDeleted;
  const handsOver = isMe && member.role === "owner" && !isFixed(state) && state.members.size > 1;
  if (!writes && !leaves && !isRemovable && roles.length === 0) return null;
  const write = () =>
    run(async () => {
      const made = await rest.call("POST /api/v1/rooms/direct", { body: { handles: [member.handle] } });
      navigate(`/r/${made.room.id}`);
      focusComposer(made.room.id);
    });
  return (
    <Menu
      trigger={
        <IconButton
          label={t("members.acts", { name: member.display_name })}
          icon={<MoreHorizontal size={16} />}
          className="-me-1"
        />
      }
    >
      {writes && (
        <MenuItem icon={<MessageSquare size={15} />} onSelect={() => void write()}>
          {t("members.write")}
        </MenuItem>
      )}
      {roles.length > 0 && (
        <MenuSub icon={<UserCog size={15} />} label={t("members.role")}>
          <MenuRadio<PersonRole | "ai">
            label={t("members.role")}
            value={member.role}
            onChange={(role) => {
              if (role !== "ai" && role !== member.role) onDo({ kind: "role", role });
            }}
            options={roles.map((role) => ({
              value: role,
              label: t(`common.roles.${role}`),
              hint: t(`members.roleHints.${role}`),
            }))}
          />
        </MenuSub>
      )}
      {handsOver && (
        <MenuItem icon={<ArrowRightLeft size={15} />} onSelect={() => onDo({ kind: "handOver" })}>
          {t("members.handOver")}
        </MenuItem>
      )}
      {(isRemovable || leaves) && (writes || roles.length > 0) && <MenuSeparator />}
      {isRemovable && (
        <>
          <MenuItem icon={<UserMinus size={15} />} isDanger onSelect={() => onDo({ kind: "remove" })}>
            {t("members.remove")}
          </MenuItem>
          <MenuItem icon={<Ban size={15} />} isDanger onSelect={() => onDo({ kind: "ban" })}>
            {t("members.ban")}
          </MenuItem>
        </>
      )}
      {leaves && (
        <MenuItem icon={<LogOut size={15} />} isDanger onSelect={() => onDo({ kind: "leave" })}>
          {t("members.leave")}
        </MenuItem>
      )}
    </Menu>
  );
}
