/** The small words below the field: what went wrong, what is left, what else Enter could do, what it would cost. */

import { CircleAlert, Hourglass, Sparkle } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { formatClock, formatNumber } from "../../ui/i18n/format";
import { Kbd } from "../../ui/Kbd";
import { useRoomState } from "../hooks";
import { usePeople } from "../people";
import { CostHint } from "./fetched";
import type { Queueing } from "./room";
import type { Sending } from "./useSending";

export interface BelowFieldProps {
  readonly room: RoomClient;
  readonly sending: Sending;
  readonly left: number | undefined;
  /** What Alt-Enter would do; undefined: nothing else than Enter. */
  readonly way: Queueing | undefined;
  /** What asking would be estimated for, and whether that was asked for by a command. */
  readonly cost: { readonly text: string; readonly aiId: string | undefined; readonly isAsked: boolean } | undefined;
  readonly onCloseCost: () => void;
}

export function BelowField({ room, sending, left, way, cost, onCloseCost }: BelowFieldProps) {
  const { t } = useTranslation();
  const isEmpty =
    sending.problem === undefined &&
    sending.waitS === 0 &&
    left === undefined &&
    way === undefined &&
    cost === undefined;
  if (isEmpty) return null;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-2 pt-2 text-meta text-ink-3">
      {sending.problem !== undefined && (
        <span role="alert" className="inline-flex items-start gap-1.5 text-danger">
          <CircleAlert aria-hidden="true" size={14} className="mt-px shrink-0" />
          <span className="wrap-anywhere">{sending.problem}</span>
        </span>
      )}
      {sending.waitS > 0 && (
        <span role="timer" className="inline-flex items-center gap-1.5 text-warn tabular-nums">
          <Hourglass aria-hidden="true" size={14} className="shrink-0" />
          {t("composer.slower", { clock: formatClock(sending.waitS) })}
        </span>
      )}
      {way !== undefined && <Queue room={room} way={way} onQueue={() => sending.submit("queue")} />}
      {cost !== undefined && (
        <CostHint
          key={cost.isAsked ? `asked ${cost.text}` : "offered"}
          room={room}
          text={cost.text}
          aiId={cost.aiId}
          isAsked={cost.isAsked}
          {...(cost.isAsked ? { onClose: onCloseCost } : {})}
        />
      )}
      {left !== undefined && (
        <span role="status" className={left < 0 ? "ms-auto font-medium text-danger" : "ms-auto"}>
          {left < 0
            ? t("composer.tooLong", { count: -left })
            : t("composer.left", { count: left, formatted: formatNumber(left) })}
        </span>
      )}
    </div>
  );
}

function Queue({
  room,
  way,
  onQueue,
}: {
  readonly room: RoomClient;
  readonly way: Queueing;
  readonly onQueue: () => void;
}) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const whileBusy = useRoomState(room, (state) => state.room.settings.while_busy) ?? "collect";
  const what = way.kind === "steer" ? "steer" : whileBusy;
  return (
    <Button
      size="sm"
      variant="ai"
      className="max-w-full"
      icon={<Sparkle aria-hidden="true" size={12} fill="currentColor" strokeWidth={1} />}
      onClick={onQueue}
    >
      <bdi className="truncate">{t(`composer.queue.${what}`, { name: people.name(way.turn.ai_id) })}</bdi>
      <span aria-hidden="true" className="pointer-coarse:hidden">
        <Kbd keys="Alt+Enter" />
      </span>
    </Button>
  );
}
