/** What rows show beside words: fetched when a room has it. */

import { useEffect, useRef, useState } from "react";
import { later } from "../../ui/Later";
import { Skeleton } from "../../ui/Skeleton";
import type { Row } from "./rows";

const rich = () => import("./rich");
const words = ["cards"] as const;
const card = <Skeleton className="h-24 w-full rounded-card!" />;
const line = <Skeleton className="mt-1.5 h-10 w-60" />;

export const ToolCard = later(() => rich().then((part) => part.ToolCard), { meanwhile: card, words });
export const ProposalCard = later(() => rich().then((part) => part.ProposalCard), { meanwhile: card, words });
export const FoundCards = later(() => rich().then((part) => part.FoundCards), { meanwhile: card, words });
export const FormCard = later(() => rich().then((part) => part.FormCard), { meanwhile: card, words });
export const ChangedFiles = later(() => rich().then((part) => part.ChangedFiles), { meanwhile: line, words });
export const Attachments = later(() => rich().then((part) => part.Attachments), { meanwhile: line, words });

export const Alternatives = later(() => rich().then((part) => part.Alternatives), {
  meanwhile: <div className="mt-1.5 h-8" />,
});

export const EmptyRoom = later(() => import("./EmptyRoom").then((part) => part.EmptyRoom), {
  meanwhile: <div className="flex-1" />,
});
export const Editing = later(() => import("./Editing").then((part) => part.Editing), {
  meanwhile: <Skeleton className="mt-1 h-24 w-full" />,
});
/** It lies over its message, and moves nothing. */
export const Toolbar = later(() => import("./Toolbar").then((part) => part.Toolbar), { meanwhile: null });
export const History = later(() => import("./History").then((part) => part.History), { isOver: true });
export const Why = later(() => import("./Why").then((part) => part.Why), { isOver: true });
export const EmojiPicker = later(() => import("./EmojiPicker").then((part) => part.EmojiPicker), {
  // As large as the picker.
  meanwhile: <Skeleton className="h-80 w-72" />,
});

const views = [ToolCard, ProposalCard, FoundCards, FormCard, ChangedFiles, Attachments, Alternatives];

function isRich({ item }: Row): boolean {
  if (item.kind === "call") return true;
  if (item.kind === "notice") return item.event.type === "change_proposed" || item.event.type === "files_changed";
  if (item.kind !== "message") return false;
  const { alternatives = [], attachments = [], cards = [], form } = item.message;
  return alternatives.length > 1 || attachments.length > 0 || cards.length > 0 || form !== undefined;
}

/**
 * The rows, as soon as the views of all of them are there; until then those that were shown before, so that nothing
 * jumps when a card comes. undefined: none were shown yet.
 */
export function useWhole(rows: readonly Row[] | undefined): readonly Row[] | undefined {
  const [, setFetched] = useState(0);
  const shown = useRef<readonly Row[]>(undefined);
  const isWaiting = rows?.some(isRich) === true && views.some((view) => view.part.get().is === "away");
  if (!isWaiting && rows !== undefined) shown.current = rows;
  useEffect(() => {
    if (!isWaiting) return;
    void Promise.all(views.map((view) => view.part.load())).then(() => setFetched((count) => count + 1));
  }, [isWaiting]);
  return shown.current;
}
