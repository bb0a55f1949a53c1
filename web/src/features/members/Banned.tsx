/** Who has no way back into the room until the ban is lifted. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { mayHere } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { useMe } from "../hooks";
import { usePeople } from "../people";
import { Section } from "../sections";
import { inWords } from "./inWords";
import { isFixed } from "./roles";

export function Banned({ room, state }: { readonly room: RoomClient; readonly state: RoomState }) {
  const { t } = useTranslation();
  const me = useMe();
  const people = usePeople(room);
  const [lifting, setLifting] = useState<string>();
  if (state.banned.size === 0) return null;
  const mayLift = !isFixed(state) && mayHere(state, me.id, "remove", { towards: "ai" });
  return (
    <Section title={`${t("members.banned")} · ${state.banned.size}`}>
      <ul className="flex flex-col gap-1">
        {[...state.banned].map((id) => (
          <li key={id} className="flex min-h-10 items-center gap-3">
            <Avatar name={people.name(id)} seed={id} size="sm" />
            <span className="min-w-0 flex-1">
              <bdi className="block truncate text-small text-ink">{people.name(id)}</bdi>
              {people.member(id) !== undefined && (
                <span className="block truncate text-meta text-ink-3">@{people.member(id)?.handle}</span>
              )}
            </span>
            {mayLift && (
              <Button size="sm" onClick={() => setLifting(id)}>
                {t("members.liftBan")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      <Confirm
        isOpen={lifting !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setLifting(undefined);
        }}
        title={t("members.liftTitle", { name: lifting === undefined ? "" : people.name(lifting) })}
        description={t("members.liftText")}
        action={t("members.liftBan")}
        onConfirm={() =>
          lifting === undefined ? undefined : inWords(room.ask({ type: "lift_ban", account_id: lifting }))
        }
      />
    </Section>
  );
}
