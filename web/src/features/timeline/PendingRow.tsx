/** A message of one's own that the server does not have yet: on its way, waiting for the connection, or refused. */

import { CircleAlert, Hourglass, Paperclip } from "lucide-react";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { Pending } from "../../room/state";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { formatClock } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { wordsOf } from "../answers";
import { useSeconds } from "../cards/clock";
import { useHere } from "../cards/RoomHere";
import { useMe } from "../hooks";
import { Markdown } from "./markdown/Markdown";
import { Quote } from "./Quote";

export interface PendingRowProps {
  readonly pending: Pending;
  readonly isGrouped: boolean;
}

export const PendingRow = memo(function PendingRow({ pending, isGrouped }: PendingRowProps) {
  const { t } = useTranslation();
  const { room } = useHere();
  const me = useMe();
  const isRefused = pending.state === "refused";
  return (
    <div className="flex gap-3">
      {isGrouped ? (
        <span className="w-8 shrink-0" />
      ) : (
        <Avatar name={me.display_name} seed={me.id} className="mt-0.5" />
      )}
      <div className="min-w-0 flex-1">
        {pending.replyTo !== undefined && <Quote messageId={pending.replyTo} />}
        {!isGrouped && (
          <div className="flex items-center gap-2">
            <bdi className="font-semibold text-ink-2">{me.display_name}</bdi>
            <Time at={pending.at} className="text-meta text-ink-3" />
          </div>
        )}
        <div className={classes(!isRefused && "opacity-70")}>
          {pending.text !== "" && <Markdown text={pending.text} className={isGrouped ? undefined : "mt-0.5"} />}
          {pending.attachments.length > 0 && (
            <p className="mt-1 flex items-center gap-1.5 text-small text-ink-2">
              <Paperclip aria-hidden="true" size={14} />
              {t("timeline.filesCount", { count: pending.attachments.length })}
            </p>
          )}
        </div>
        {isRefused ? (
          <div className="mt-1.5 flex flex-wrap items-center gap-2">
            <p role="alert" className="flex min-w-0 items-center gap-1.5 text-small text-danger">
              <CircleAlert aria-hidden="true" size={15} className="shrink-0" />
              <span className="min-w-0 wrap-anywhere">{whyOf(pending) ?? t("timeline.notSent")}</span>
            </p>
            <Button size="sm" onClick={() => room.retry(pending.key)}>
              {t("common.retry")}
            </Button>
            <Button size="sm" variant="ghost" onClick={() => room.discard(pending.key)}>
              {t("common.discard")}
            </Button>
          </div>
        ) : (
          <p className="text-meta text-ink-3">
            {pending.retryAt !== undefined ? (
              <Slower until={pending.retryAt} />
            ) : (
              t(pending.state === "sending" ? "timeline.sending" : "timeline.waiting")
            )}
          </p>
        )}
      </div>
    </div>
  );
});

function whyOf({ code, reason }: Pending): string | undefined {
  return code === undefined ? reason : wordsOf(code, reason ?? "");
}

/** Too many in a short time: it leaves by itself when the server takes it again. */
function Slower({ until }: { readonly until: number }) {
  const { t } = useTranslation();
  const left = Math.ceil((until - useSeconds(true)) / 1000);
  if (left <= 0) return t("timeline.sending");
  return (
    <span className="inline-flex items-center gap-1.5 text-warn tabular-nums">
      <Hourglass aria-hidden="true" size={13} className="shrink-0" />
      {t("timeline.slower", { clock: formatClock(left) })}
    </span>
  );
}
