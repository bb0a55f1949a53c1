/** Every version of the summary: when it was made, by whom or what, and what it said. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Time } from "../../ui/Time";
import { Dialog } from "../../ui/windows";
import { useAnswer } from "../answers";
import type { People } from "../people";
import { Loading, Note, Refusal } from "../sections";
import { Points, SummaryFacts } from "./Points";
import { Taints } from "./Taints";

export interface SummaryHistoryProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly onClose: () => void;
}

export function SummaryHistory({ room, people, onClose }: SummaryHistoryProps) {
  const { t } = useTranslation();
  const history = useAnswer("GET /api/v1/rooms/{room_id}/summaries", { places: { room_id: room.id } });
  const versions = history.value?.versions ?? [];
  const [open, setOpen] = useState<number>();
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("context.versionsTitle")}
      size="lg"
    >
      {history.refusal !== undefined && <Refusal text={history.refusal} onRetry={history.again} />}
      {history.isLoading && history.value === undefined && <Loading />}
      {history.value !== undefined && versions.length === 0 && <Note>{t("context.noSummary")}</Note>}
      <ol className="flex flex-col gap-2">
        {versions.map(({ summary, at }, place) => {
          const isOpen = open === undefined ? place === 0 : open === summary.version;
          return (
            <li key={summary.version} className="rounded-card border border-line">
              <button
                type="button"
                aria-expanded={isOpen}
                className="flex w-full flex-wrap items-center justify-between gap-x-4 gap-y-1 rounded-card px-3 py-2 text-left text-small text-ink-2 hover:bg-hover"
                onClick={() => setOpen(isOpen ? -1 : summary.version)}
              >
                <SummaryFacts summary={summary} people={people} />
                <Time at={at} as="relative" className="text-meta text-ink-3" />
              </button>
              {isOpen && (
                <div className="border-t border-line px-3 py-3">
                  <Taints of={summary.taint} />
                  {(summary.points ?? []).length === 0 ? (
                    <Note>{t("context.emptyVersion")}</Note>
                  ) : (
                    <Points heading="h3" room={room} people={people} points={summary.points ?? []} />
                  )}
                </div>
              )}
            </li>
          );
        })}
      </ol>
    </Dialog>
  );
}
