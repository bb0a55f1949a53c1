/** What asking an AI this would cost at most: small words below the field, worked out when they are asked for. */

import { Coins, X } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { Estimate } from "../../protocol/api";
import { IconButton } from "../../ui/IconButton";
import { formatCompact, formatMoney, formatPercent } from "../../ui/i18n/format";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { usePeople } from "../people";

export interface CostHintProps {
  readonly room: RoomClient;
  /** What would be asked; another text, and the estimate is gone. */
  readonly text: string;
  readonly aiId: string | undefined;
  /** Asked for already, as by a command. */
  readonly isAsked: boolean;
  readonly onClose?: () => void;
}

type Held =
  | { readonly kind: "asking" }
  | { readonly kind: "estimate"; readonly estimate: Estimate }
  | { readonly kind: "refused"; readonly reason: string };

export function CostHint({ room, text, aiId, isAsked, onClose }: CostHintProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [asked, setAsked] = useState<string | undefined>(isAsked ? text : undefined);
  const [held, setHeld] = useState<Held>({ kind: "asking" });
  const isShown = asked === text;
  useEffect(() => {
    if (!isShown) return;
    const stop = new AbortController();
    setHeld({ kind: "asking" });
    rest
      .call("POST /api/v1/rooms/{room_id}/estimate", {
        places: { room_id: room.id },
        body: aiId === undefined ? { text } : { text, ai_id: aiId },
        signal: stop.signal,
      })
      .then((estimate) => {
        if (!stop.signal.aborted) setHeld({ kind: "estimate", estimate });
      })
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setHeld({ kind: "refused", reason: sentenceOf(error) });
      });
    return () => stop.abort();
  }, [isShown, rest, room.id, text, aiId]);
  if (!isShown) {
    return (
      <button
        type="button"
        onClick={() => setAsked(text)}
        className="inline-flex min-h-6 items-center gap-1.5 rounded-chip px-1 text-ink-2 underline decoration-line-strong underline-offset-2 hover:text-ink pointer-coarse:min-h-11"
      >
        <Coins aria-hidden="true" size={13} />
        {t("composer.cost.ask")}
      </button>
    );
  }
  return (
    <span role="status" className="inline-flex min-h-6 min-w-0 items-center gap-1.5">
      <Coins aria-hidden="true" size={13} className="shrink-0" />
      {held.kind === "asking" && t("composer.cost.asking")}
      {held.kind === "refused" && <span className="text-danger">{held.reason}</span>}
      {held.kind === "estimate" && <EstimateWords room={room} estimate={held.estimate} />}
      {onClose !== undefined && (
        <IconButton
          size="sm"
          className="size-6"
          label={t("composer.cost.close")}
          icon={<X size={12} />}
          onClick={onClose}
        />
      )}
    </span>
  );
}

export function EstimateWords({ room, estimate }: { readonly room: RoomClient; readonly estimate: Estimate }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const name = people.name(estimate.ai_id);
  const fullest = Math.max(0, ...(estimate.caps ?? []).map((cap) => (cap.cap > 0 ? cap.used / cap.cap : 1)));
  if (estimate.breach !== undefined) {
    return <span className="text-danger">{t("composer.cost.breach", { reason: estimate.breach })}</span>;
  }
  return (
    <span className="min-w-0">
      <bdi>
        {estimate.cost_micros_at_most === undefined
          ? t("composer.cost.tokens", { name, tokens: formatCompact(estimate.tokens_in + estimate.tokens_out_at_most) })
          : t("composer.cost.atMost", { name, money: formatMoney(estimate.cost_micros_at_most, estimate.currency) })}
      </bdi>
      {fullest > 0 && ` · ${t("composer.cost.cap", { percent: formatPercent(fullest) })}`}
    </span>
  );
}
