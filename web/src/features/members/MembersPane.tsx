/** Who is in the room, by role: what they are here, and what may be done about it. */

import { Search, UserPlus } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member } from "../../protocol/wire";
import { highestRoleGivenBy, mayHere } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Input } from "../../ui/Field";
import { useMe, useRoom, useRoomState } from "../hooks";
import { Loading, Note } from "../sections";
import { AddAi } from "./AddAi";
import { AddMember } from "./AddMember";
import { Banned } from "./Banned";
import { Invites } from "./Invites";
import { type Doing, MemberActs } from "./MemberActs";
import { MemberRow } from "./MemberRow";
import { byRole, isFixed, isNamed, type RolePart as Part } from "./roles";
import { useRowFocus } from "./useRowFocus";

/** More than so many are not seen at once. */
const MANY = 12;

export interface MembersPaneProps {
  readonly roomId: string;
}

export function MembersPane({ roomId }: MembersPaneProps) {
  const { t, i18n } = useTranslation();
  const room = useRoom(roomId);
  const me = useMe();
  const state = useRoomState(room, (value) => value);
  const [written, setWritten] = useState("");
  const [doing, setDoing] = useState<Doing>();
  const [adding, setAdding] = useState<"member" | "ai">();
  const rowFocus = useRowFocus();
  if (state === undefined) {
    return (
      <div className="p-4">
        <Loading lines={5} />
      </div>
    );
  }
  const mine = state.members.get(me.id);
  const isOpen = mine !== undefined && !isFixed(state);
  const gives = isOpen ? highestRoleGivenBy(mine.role, state.room.settings, true) : undefined;
  const choosesAi = isOpen && mayHere(state, me.id, "choose_ai");
  const shown: readonly Member[] = [...state.members.values()].filter((member) => isNamed(member, written));
  const parts = byRole(shown, state.online, i18n.resolvedLanguage ?? "en");
  const here = [...state.members.keys()].filter((id) => state.online.has(id)).length;
  return (
    <div>
      <div className="flex flex-col gap-3 border-b border-line px-4 py-4">
        <p className="flex items-center justify-between gap-2 text-small">
          <span className="font-semibold text-ink">{t("members.count", { count: state.members.size })}</span>
          <Badge tone="ok">{t("members.here", { count: here })}</Badge>
        </p>
        {state.members.size > MANY && (
          <span className="relative">
            <Search
              aria-hidden="true"
              size={15}
              className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-ink-3"
            />
            <Input
              type="search"
              value={written}
              aria-label={t("members.find")}
              placeholder={t("members.find")}
              className="ps-8"
              onChange={(event) => setWritten(event.target.value)}
            />
          </span>
        )}
        {(gives !== undefined || choosesAi) && (
          <div className="flex flex-wrap gap-2">
            {gives !== undefined && (
              <Button size="sm" icon={<UserPlus aria-hidden="true" size={14} />} onClick={() => setAdding("member")}>
                {t("members.addMember")}
              </Button>
            )}
            {choosesAi && (
              <Button size="sm" variant="ai" onClick={() => setAdding("ai")}>
                {t("members.addAi")}
              </Button>
            )}
          </div>
        )}
        {state.room.kind === "direct" && <Note>{t("members.fixed")}</Note>}
      </div>
      <div {...rowFocus} className="border-b border-line py-2 last:border-b-0">
        {parts.map((part) => (
          <RolePart key={part.role} part={part} state={state} onDo={setDoing} />
        ))}
        {parts.length === 0 && <Note className="px-4 py-2">{t("members.nobody")}</Note>}
      </div>
      {gives !== undefined && <Invites room={room} highest={gives} />}
      <Banned room={room} state={state} />
      <MemberActs room={room} state={state} doing={doing} onDone={() => setDoing(undefined)} />
      {gives !== undefined && (
        <AddMember
          room={room}
          members={state.members}
          highest={gives}
          isOpen={adding === "member"}
          onOpenChange={(open) => setAdding(open ? "member" : undefined)}
        />
      )}
      {choosesAi && (
        <AddAi
          room={room}
          members={state.members}
          isOpen={adding === "ai"}
          onOpenChange={(open) => setAdding(open ? "ai" : undefined)}
        />
      )}
    </div>
  );
}

function RolePart({
  part,
  state,
  onDo,
}: {
  readonly part: Part;
  readonly state: RoomState;
  readonly onDo: (doing: Doing) => void;
}) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <section aria-labelledby={id} className="px-4 py-1.5">
      <h3 id={id} className="text-meta font-medium text-ink-3">
        {t(`members.roles.${part.role}`)} · {part.members.length}
      </h3>
      <ul className="-mx-2 flex flex-col">
        {part.members.map((member) => (
          <MemberRow key={member.account_id} state={state} member={member} onDo={(what) => onDo({ ...what, member })} />
        ))}
      </ul>
    </section>
  );
}
