/** Points of a summary under their headings, each with where it was said; and what is known of a version. */

import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { Summary, SummaryPoint } from "../../protocol/api";
import { Name, type People } from "../people";
import { SourceLinks } from "./MessageLinks";
import { bySection } from "./pointEdits";

/** Which version, how far it reaches, and who or what made it. */
export function SummaryFacts({ summary, people }: { readonly summary: Summary; readonly people: People }) {
  const { t } = useTranslation();
  const byPerson = summary.edited_by;
  return (
    <span>
      {t("context.versionUpTo", { version: summary.version, seq: summary.up_to_seq })} ·{" "}
      {byPerson !== undefined ? (
        <>
          {t("context.editedBy")} <Name people={people} id={byPerson} />
        </>
      ) : summary.method === "extractive" ? (
        t("context.extractive")
      ) : summary.method === "erased" ? (
        t("context.erased")
      ) : summary.method === "edited" ? (
        t("context.editedBySomeone")
      ) : (
        t("context.byModel", { model: summary.method })
      )}
    </span>
  );
}

export interface PointsProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly points: readonly SummaryPoint[];
  /** Of the headings: one below what they stand under. */
  readonly heading?: "h3" | "h4";
}

export function Points({ room, people, points, heading: Heading = "h4" }: PointsProps) {
  const { t } = useTranslation();
  return (
    <div className="flex flex-col gap-3">
      {bySection(points).map(({ section, points: within }) => (
        <div key={section}>
          <Heading className="mb-0.5 text-meta font-semibold text-ink-2">{t(`context.sections.${section}`)}</Heading>
          <ul className="flex flex-col gap-1">
            {within.map((point) => (
              <li key={point.id} className="flex gap-2 text-small text-ink">
                <span aria-hidden="true" className="mt-2 size-1 shrink-0 rounded-full bg-ink-3" />
                <span className="min-w-0 wrap-anywhere">
                  <span dir="auto">{point.text}</span>
                  <SourceLinks room={room} ids={point.sources} />
                  {point.by !== undefined && (
                    <span className="ml-1 text-meta text-ink-3">
                      {t("context.keptFrom")} <Name people={people} id={point.by} />
                    </span>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </div>
  );
}
