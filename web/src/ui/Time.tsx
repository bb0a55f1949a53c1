/** A moment, short, in the reader's language; whole in its tip. */

import { useTranslation } from "react-i18next";
import { formatDateTime, formatDay, formatRelative, formatTime } from "./i18n/format";

export interface TimeProps {
  /** ISO 8601. */
  readonly at: string;
  readonly as?: "time" | "day" | "full" | "relative";
  readonly className?: string;
}

const formats = { time: formatTime, day: formatDay, full: formatDateTime, relative: formatRelative } as const;

export function Time({ at, as = "time", className }: TimeProps) {
  useTranslation();
  return (
    <time dateTime={at} data-tip={as === "full" ? undefined : formatDateTime(at)} className={className}>
      {formats[as](at)}
    </time>
  );
}
