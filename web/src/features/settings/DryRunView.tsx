/** What rules would have made of what was said. */

import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomClient } from "../../connection/types";
import type { DryRun } from "../../protocol/api";
import { usePeople } from "../people";
import { Note } from "../sections";
import { whyName } from "./whys";

export interface DryRunViewProps {
  readonly room: RoomClient;
  readonly run: DryRun;
  /** The rule that is tried out; the others are there for what they hold back. */
  readonly ruleId: string;
}

const SHOWN = 10;

export function DryRunView({ room, run, ruleId }: DryRunViewProps) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const rule = run.rules.find((one) => one.rule_id === ruleId);
  const firings = (run.firings ?? []).filter((one) => one.rule_id === ruleId);
  const held = Object.entries(rule?.held_back ?? {});
  return (
    <section aria-label={t("settings.tried")} className="rounded-card border border-line bg-sunken p-3">
      <p role="status" className="text-small font-medium text-ink">
        {t("settings.wouldHaveFired", { count: rule?.fired ?? 0, messages: run.messages })}
      </p>
      {held.length > 0 && (
        <ul className="mt-1 text-small text-ink-2">
          {held.map(([why, count]) => (
            <li key={why}>{t("settings.heldBack", { count, why: t(`settings.whys.${whyName(why)}`) })}</li>
          ))}
        </ul>
      )}
      {firings.length > 0 && (
        <ul className="mt-2 flex flex-col">
          {firings.slice(-SHOWN).map((one) => (
            <li key={`${one.message_id} ${one.ai_id}`}>
              <Link
                href={`/r/${room.id}/m/${one.message_id}`}
                className="inline-flex min-h-6 text-small text-accent hover:underline"
              >
                {t("settings.firing", { seq: one.seq, name: people.name(one.ai_id) })}
              </Link>
            </li>
          ))}
        </ul>
      )}
      {run.was_cut && <Note className="mt-1 text-meta">{t("settings.runCut")}</Note>}
      {!run.is_exact && <Note className="mt-1 text-meta">{t("settings.runNotExact")}</Note>}
    </section>
  );
}
