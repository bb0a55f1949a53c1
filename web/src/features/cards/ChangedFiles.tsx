/** Files that a call or a person changed: how many lines, the lines themselves on demand, and a way back. */

import { FileMinus2, FilePen, FilePlus2, Undo2 } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { FileChange, FilesChanged, TurnUndone } from "../../protocol/wire";
import { mayHere, mayUndo } from "../../room/rights";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { later } from "../../ui/Later";
import { visible } from "../../ui/visible";
import { useAnswer } from "../answers";
import { useRoomState } from "../hooks";
import { Loading, Note, Refusal } from "../sections";
import { useHere } from "./RoomHere";

const DiffRows = later(() => import("./DiffRows").then((part) => part.DiffRows), {
  meanwhile: <Loading />,
  words: ["cards"],
});

const icons = {
  added: <FilePlus2 aria-hidden="true" size={15} className="shrink-0 text-ok" />,
  changed: <FilePen aria-hidden="true" size={15} className="shrink-0 text-ink-3" />,
  removed: <FileMinus2 aria-hidden="true" size={15} className="shrink-0 text-danger" />,
} as const;

const SHOWN = 8;

export interface ChangedFilesProps {
  readonly changed: FilesChanged;
  readonly undone?: TurnUndone | undefined;
}

export function ChangedFiles({ changed, undone }: ChangedFilesProps) {
  const { t } = useTranslation();
  const { room, meId } = useHere();
  const [hasDiff, setDiff] = useState(false);
  const [isAll, setAll] = useState(false);
  const [undoing, setUndoing] = useState<"asked" | "others">();
  const turnId = changed.turn_id;
  const maySee = useRoomState(room, (state) => mayHere(state, meId, "see_workspace")) ?? false;
  const mayGoBack = useRoomState(room, (state) => turnId !== undefined && mayUndo(state, meId, turnId)) ?? false;
  const shown = isAll ? changed.changes : changed.changes.slice(0, SHOWN);
  const count = changed.changes.length + (changed.more ?? 0);
  const conflicts = undone?.conflicts ?? [];
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <p className="text-small font-medium text-ink">{t("cards.filesChanged", { count })}</p>
        <div className="flex flex-wrap items-center gap-2">
          {maySee && (
            <Button size="sm" data-diff="" aria-expanded={hasDiff} onClick={() => setDiff(!hasDiff)}>
              {hasDiff ? t("cards.hideDiff") : t("cards.viewDiff")}
            </Button>
          )}
          {mayGoBack && (
            <Button size="sm" icon={<Undo2 size={14} />} onClick={() => setUndoing("asked")}>
              {t("cards.undoTurn")}
            </Button>
          )}
          {mayGoBack && conflicts.length > 0 && (
            <Button size="sm" onClick={() => setUndoing("others")}>
              {t("cards.undoRest")}
            </Button>
          )}
        </div>
      </div>
      <ul className="flex flex-col gap-0.5">
        {shown.map((change) => (
          <Changed key={change.path} change={change} />
        ))}
      </ul>
      {!isAll && changed.changes.length > SHOWN && (
        <Button size="sm" variant="ghost" className="self-start" onClick={() => setAll(true)}>
          {t("common.showMore")}
        </Button>
      )}
      {(changed.more ?? 0) > 0 && <Note>{t("cards.moreFiles", { count: changed.more ?? 0 })}</Note>}
      {undone !== undefined && conflicts.length === 0 && (
        <p className={undone.is_ok ? "text-small text-ok" : "text-small text-danger"}>
          {undone.is_ok ? t("cards.undone") : (undone.reason ?? t("cards.notUndone"))}
        </p>
      )}
      {conflicts.length > 0 && (
        <div className="rounded-button border border-warn-line bg-warn-soft px-3 py-2 text-small">
          <p className="text-warn">{t("cards.conflicts")}</p>
          <ul className="mt-1 font-mono text-mono text-ink">
            {conflicts.map((path) => (
              <li key={path}>{visible(path)}</li>
            ))}
          </ul>
        </div>
      )}
      {hasDiff && <Diff before={changed.before} after={changed.after} isNamed={changed.changes.length > 1} />}
      {turnId !== undefined && (
        <Confirm
          isOpen={undoing !== undefined}
          onOpenChange={(isOpen) => setUndoing(isOpen ? undoing : undefined)}
          title={t("cards.undoTurn")}
          description={undoing === "others" ? t("cards.undoRestMeans") : t("cards.undoMeans")}
          action={t("common.undo")}
          onConfirm={() => room.ask({ type: "undo_turn", turn_id: turnId, keeps_others: undoing === "others" })}
        />
      )}
    </div>
  );
}

function Changed({ change }: { readonly change: FileChange }) {
  const { t } = useTranslation();
  return (
    <li className="flex min-w-0 items-center gap-2 font-mono text-mono">
      {icons[change.kind]}
      <span className="sr-only">{t(`cards.kinds.${change.kind}`)}</span>
      <bdi className="min-w-0 truncate text-ink">{visible(change.path)}</bdi>
      {change.is_text !== false && (
        <span className="shrink-0 text-meta tabular-nums">
          {(change.added_lines ?? 0) > 0 && <span className="text-ok">+{change.added_lines} </span>}
          {(change.removed_lines ?? 0) > 0 && <span className="text-danger">−{change.removed_lines}</span>}
        </span>
      )}
    </li>
  );
}

interface DiffProps {
  readonly before: string;
  readonly after: string;
  readonly isNamed: boolean;
}

function Diff({ before, after, isNamed }: DiffProps) {
  const { t } = useTranslation();
  const { roomId } = useHere();
  const answer = useAnswer("GET /api/v1/rooms/{room_id}/workspace/diff", {
    places: { room_id: roomId },
    query: { before, after },
  });
  if (answer.refusal !== undefined) return <Refusal text={answer.refusal} onRetry={answer.again} />;
  if (answer.value === undefined) return <Loading />;
  return (
    <>
      <DiffRows diff={answer.value.diff} isNamed={isNamed} />
      {answer.value.left_out > 0 && <Note>{t("cards.diffLeftOut", { count: answer.value.left_out })}</Note>}
    </>
  );
}
