/** The running summary: its points with where they were said, its versions, and the way to change it. */

import { History, Pencil } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { IconButton } from "../../ui/IconButton";
import { useRoomState } from "../hooks";
import type { People } from "../people";
import { Note, Section } from "../sections";
import { Points, SummaryFacts } from "./Points";
import { SummaryEditor } from "./SummaryEditor";
import { SummaryHistory } from "./SummaryHistory";
import { Taints } from "./Taints";

export interface SummarySectionProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly mayEdit: boolean;
}

export function SummarySection({ room, people, mayEdit }: SummarySectionProps) {
  const { t } = useTranslation();
  const summary = useRoomState(room, (state) => state.summary);
  const [isEditing, setEditing] = useState(false);
  const [isHistory, setHistory] = useState(false);
  const points = summary?.points ?? [];
  return (
    <Section
      title={t("context.summary")}
      actions={
        <>
          {summary !== undefined && (
            <IconButton
              size="sm"
              label={t("context.versionsTitle")}
              icon={<History size={14} />}
              onClick={() => setHistory(true)}
            />
          )}
          {mayEdit && (
            <Button
              size="sm"
              variant="ghost"
              icon={<Pencil aria-hidden="true" size={14} />}
              onClick={() => setEditing(true)}
            >
              {t("common.edit")}
            </Button>
          )}
        </>
      }
    >
      {points.length === 0 ? (
        <Note>{t("context.noSummary")}</Note>
      ) : (
        <Points room={room} points={points} people={people} />
      )}
      {summary !== undefined && (
        <p className="mt-2 flex flex-wrap items-center gap-1.5 text-meta text-ink-3">
          <SummaryFacts summary={summary} people={people} />
          <Taints of={summary.taint} />
        </p>
      )}
      {isEditing && <SummaryEditor room={room} onClose={() => setEditing(false)} />}
      {isHistory && <SummaryHistory room={room} people={people} onClose={() => setHistory(false)} />}
    </Section>
  );
}
