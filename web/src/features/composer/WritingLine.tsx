/** The line above the field: which AIs are at work, with Stop, and who is typing. Its height is always there. */

import { Sparkle, Square } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { TurnState } from "../../protocol/wire";
import type { RoomState } from "../../room/state";
import { Button } from "../../ui/Button";
import { formatList } from "../../ui/i18n/format";
import { Kbd } from "../../ui/Kbd";
import { useAct } from "../answers";
import { useMe, useRoomState } from "../hooks";
import { usePeople } from "../people";
import { type Doing, doingOf, stoppable } from "./room";
import { sameItems } from "./sameItems";

export function WritingLine({ room }: { readonly room: RoomClient }) {
  const me = useMe();
  const turns = useRoomState(room, (state) => state.turns);
  const typing = useRoomState(room, (state) => typingOthers(state, me.id), sameItems);
  const stop = useRoomState(room, (state) => stoppable(state, me.id));
  const running = [...(turns?.values() ?? [])].filter((turn) => turn.fence > 0);
  const waiting = (turns?.size ?? 0) - running.length;
  return (
    <div className="flex min-h-8 items-center gap-x-3 gap-y-0.5 overflow-hidden px-1 sm:flex-wrap text-meta text-ink-3 pointer-coarse:min-h-11">
      {running.length > 0 && <AtWork room={room} running={running} />}
      {waiting > 0 && <Waiting count={waiting} />}
      {stop !== undefined && <Stop room={room} turn={stop} />}
      {typing !== undefined && typing.length > 0 && <TypingWords room={room} ids={typing} />}
    </div>
  );
}

function typingOthers(state: RoomState, meId: string): readonly string[] {
  return [...state.typing].filter((id) => id !== meId && state.members.has(id));
}

function AtWork({ room, running }: { readonly room: RoomClient; readonly running: readonly TurnState[] }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const doing: Doing = running.length === 1 && running[0] !== undefined ? doingOf(running[0]) : "writing";
  const names = formatList([...new Set(running.map((turn) => people.name(turn.ai_id)))]);
  const steering = running.reduce((sum, turn) => sum + turn.steering.length, 0);
  const words =
    doing === "writing"
      ? t("composer.doing.writing", { names, count: running.length })
      : t(`composer.doing.${doing}`, { names });
  return (
    <span className="inline-flex min-w-0 items-center gap-1.5 text-ai">
      <Sparkle
        aria-hidden="true"
        size={12}
        fill="currentColor"
        strokeWidth={1}
        className={doing === "approval" ? "shrink-0" : "shrink-0 animate-breathe"}
      />
      <bdi className="truncate">{words}</bdi>
      {steering > 0 && (
        <span className="truncate text-ink-3 max-sm:hidden">{t("composer.doing.steering", { count: steering })}</span>
      )}
    </span>
  );
}

function Waiting({ count }: { readonly count: number }) {
  const { t } = useTranslation();
  return <span>{t("composer.doing.waits", { count })}</span>;
}

function Stop({ room, turn }: { readonly room: RoomClient; readonly turn: TurnState }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const { run, isBusy } = useAct();
  return (
    <Button
      size="sm"
      isBusy={isBusy}
      icon={<Square aria-hidden="true" size={10} fill="currentColor" />}
      className="h-6! px-2! pointer-coarse:h-11!"
      onClick={() => void run(() => room.ask({ type: "stop_turn", turn_id: turn.turn_id }))}
    >
      <span>
        {t("composer.stop")}
        <span className="sr-only"> {people.name(turn.ai_id)}</span>
      </span>
      <span aria-hidden="true" className="pointer-coarse:hidden">
        <Kbd keys="Escape" />
      </span>
    </Button>
  );
}

function TypingWords({ room, ids }: { readonly room: RoomClient; readonly ids: readonly string[] }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const names = formatList(ids.map((id) => people.name(id)));
  return (
    <span className="inline-flex min-w-0 items-center gap-1.5">
      <span aria-hidden="true" className="inline-flex gap-0.5">
        {["", "[animation-delay:0.2s]", "[animation-delay:0.4s]"].map((delay) => (
          <span key={delay} className={`size-1 animate-breathe rounded-full bg-ink-3 ${delay}`} />
        ))}
      </span>
      <bdi className="truncate">
        {ids.length > 3 ? t("composer.typingMany") : t("composer.typing", { names, count: ids.length })}
      </bdi>
    </span>
  );
}
