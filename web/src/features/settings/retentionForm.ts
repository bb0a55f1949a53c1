/** A room's rule of how long it keeps things, as it is filled in, and back. */

import type { Retention } from "../../protocol/wire";

export interface RetentionForm {
  /** Days; empty: for good. */
  readonly messages: string;
  readonly files: string;
  readonly keepsPinned: boolean;
}

const MOST_DAYS = 3650;

export function retentionForm(rule: Retention): RetentionForm {
  // The server says null for what is not set.
  const text = (days: number | null | undefined) => (typeof days === "number" ? String(days) : "");
  return {
    messages: text(rule.messages_days),
    files: text(rule.files_days),
    keepsPinned: rule.keeps_pinned ?? true,
  };
}

/** undefined: what stands in a field is no number of days. */
export function retentionIn(form: RetentionForm): Retention | undefined {
  const messages = daysIn(form.messages);
  const files = daysIn(form.files);
  if (messages === undefined || files === undefined) return undefined;
  return {
    ...(messages === "" ? {} : { messages_days: messages }),
    ...(files === "" ? {} : { files_days: files }),
    keeps_pinned: form.keepsPinned,
  };
}

function daysIn(text: string): number | "" | undefined {
  const plain = text.trim();
  if (plain === "") return "";
  if (!/^\d{1,4}$/.test(plain)) return undefined;
  const days = Number(plain);
  return days >= 1 && days <= MOST_DAYS ? days : undefined;
}

export function isSameRetention(one: Retention, other: Retention): boolean {
  return (
    (one.messages_days ?? 0) === (other.messages_days ?? 0) &&
    (one.files_days ?? 0) === (other.files_days ?? 0) &&
    (one.keeps_pinned ?? true) === (other.keeps_pinned ?? true)
  );
}
