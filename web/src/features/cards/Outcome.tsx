/** How a call ended, and by whose leave: its status, what went wrong, who approved it, what of it is not shown. */

import { useTranslation } from "react-i18next";
import type { ToolCall } from "../../room/state";
import { Button } from "../../ui/Button";
import { formatBytes, formatList } from "../../ui/i18n/format";
import { useHere } from "./RoomHere";
import { leftOut } from "./toolWords";

export interface OutcomeProps {
  readonly call: ToolCall;
  readonly hasFailed: boolean;
  readonly onWhole: (() => void) | undefined;
}

export function Outcome({ call, hasFailed: failed, onWhole }: OutcomeProps) {
  const { t } = useTranslation();
  const { people } = useHere();
  const left = leftOut(call.text);
  const approved = call.approval?.approved_by ?? [];
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-meta text-ink-3 empty:hidden">
      {call.exitStatus !== undefined && (
        <span className={failed ? "font-medium text-danger" : undefined}>
          {t("cards.exit", { status: call.exitStatus })}
        </span>
      )}
      {call.code !== undefined && <span>{t(`cards.faults.${faultOf(call.code)}`)}</span>}
      {approved.length > 0 && <span>{t("cards.approvedBy", { who: formatList(approved.map(people.name)) })}</span>}
      {call.taint !== undefined && <span>{t(`turns.taints.${call.taint}`)}</span>}
      {left !== undefined && <span>{t("cards.capped", { size: formatBytes(left) })}</span>}
      {onWhole !== undefined && (
        <Button size="sm" variant="ghost" className="-ml-1" onClick={onWhole}>
          {t("cards.wholeOutput")}
        </Button>
      )}
    </div>
  );
}

const FAULTS = [
  "unknown_tool",
  "bad_arguments",
  "refused",
  "needs_approval",
  "not_approved",
  "not_found",
  "exists",
  "not_unique",
  "too_big",
  "quota",
  "net",
  "timeout",
  "stopped",
  "sandbox_error",
] as const;

function faultOf(code: string): (typeof FAULTS)[number] | "other" {
  return FAULTS.find((fault) => fault === code) ?? "other";
}
