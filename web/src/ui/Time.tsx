/** A moment, short, in the reader's language; whole in its tip. */

import { useTranslation } from "react-i18next";
import { formatDateTime, formatDay, formatMoment, formatRelative, formatTime } from "./i18n/format";
import { useMinute } from "./minute";

export interface TimeProps {
  /** ISO 8601. */
  readonly at: string;
  readonly as?: "time" | "day" | "moment" | "full" | "relative";
  readonly className?: string;
}

const formats = {
  time: formatTime,
  day: formatDay,
  moment: formatMoment,
  full: formatDateTime,
  relative: formatRelative,
} as const;

export function Time({ at, as = "time", className }: TimeProps) {
  useTranslation();
  useMinute(as === "relative" || as === "day");
  return (
    <time dateTime={at} data-tip={as === "full" ? undefined : formatDateTime(at)} className={className}>
      {formats[as](at)}
    </time>
  );
}
