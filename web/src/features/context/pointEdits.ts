/** Points of a summary: under their headings, and as they are edited. */

import type { PointEdit, Section, Summary, SummaryPoint } from "../../protocol/wire";

export const SECTIONS: readonly Section[] = ["topic", "decisions", "questions", "actions", "facts", "other"];

interface AnyPoint {
  readonly section: Section;
}

/** Headings in their order, each with its points in theirs; a heading without points is left out. */
export function bySection<P extends AnyPoint>(points: readonly P[]): readonly { section: Section; points: P[] }[] {
  return SECTIONS.map((section) => ({ section, points: points.filter((point) => point.section === section) })).filter(
    (one) => one.points.length > 0,
  );
}

/** A point as it stands in the editor. `key` is stable; `id` is that of the point it was, if it was there before. */
export interface Draft {
  readonly key: string;
  readonly id: string | undefined;
  readonly section: Section;
  readonly text: string;
}

export function draftsOf(summary: Summary | undefined): readonly Draft[] {
  return (summary?.points ?? []).map(({ id, section, text }) => ({ key: id, id, section, text }));
}

/** What is sent. A point without words is one that was taken out. */
export function editsOf(drafts: readonly Draft[]): readonly PointEdit[] {
  return drafts.flatMap(({ id, section, text }) => {
    const words = text.trim().replace(/\s+/g, " ");
    return words === "" ? [] : [{ ...(id === undefined ? {} : { id }), section, text: words }];
  });
}

/** Whether sending these would change anything. */
export function differs(drafts: readonly Draft[], points: readonly SummaryPoint[]): boolean {
  const edits = editsOf(drafts);
  return (
    edits.length !== points.length ||
    edits.some((edit, place) => {
      const point = points[place];
      return point === undefined || edit.id !== point.id || edit.section !== point.section || edit.text !== point.text;
    })
  );
}
