/** What AIs' turns and people's hands changed in the workspace, with the lines, and the way to undo a turn. */

import { FileMinus2, FilePen, FilePlus2, Hand, Sparkle, Undo2 } from "lucide-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { FileChange } from "../../protocol/wire";
import type { RoomState } from "../../room/state";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { Dialog } from "../../ui/Dialog";
import { Time } from "../../ui/Time";
import { useAct, useAnswer } from "../answers";
import { useRoomState } from "../hooks";
import { Name, Names, type People } from "../people";
import { Loading, Note, Refusal } from "../sections";
import { type ChangeEntry, changesOf } from "./changes";
import { DiffView } from "./DiffView";

export interface ChangesViewProps {
  readonly room: RoomClient;
  readonly people: People;
}

const whole = (state: RoomState) => state.calls;
const told = (state: RoomState) => state.notices;

export function ChangesView({ room, people }: ChangesViewProps) {
  const { t } = useTranslation();
  const calls = useRoomState(room, whole);
  const notices = useRoomState(room, told);
  const entries = useMemo(
    () => (calls === undefined || notices === undefined ? undefined : changesOf({ calls, notices })),
    [calls, notices],
  );
  const [looked, setLooked] = useState<{ readonly entry: ChangeEntry; readonly path: string | undefined }>();
  if (entries === undefined) return <Loading />;
  if (entries.length === 0) return <Note>{t("files.noChanges")}</Note>;
  return (
    <>
      <ul className="flex flex-col gap-2">
        {entries.map((entry) => (
          <li key={entry.id} className="rounded-card border border-line p-3">
            <ChangeHead entry={entry} people={people} />
            <ul className="mt-1.5 flex flex-col">
              {entry.changes.map((change) => (
                <li key={change.path}>
                  <ChangeRow change={change} onLook={() => setLooked({ entry, path: change.path })} />
                </li>
              ))}
            </ul>
            {entry.more > 0 && <Note className="text-meta">{t("files.moreChanges", { count: entry.more })}</Note>}
            <div className="mt-2 flex flex-wrap items-center gap-2">
              <Button size="sm" onClick={() => setLooked({ entry, path: undefined })}>
                {t("files.showAll")}
              </Button>
              {entry.turnId !== undefined && (
                <Undo room={room} turnId={entry.turnId} entry={entry} people={people} key={entry.undone?.seq} />
              )}
            </div>
          </li>
        ))}
      </ul>
      {looked !== undefined && (
        <DiffWindow room={room} entry={looked.entry} path={looked.path} onClose={() => setLooked(undefined)} />
      )}
    </>
  );
}

function ChangeHead({ entry, people }: { readonly entry: ChangeEntry; readonly people: People }) {
  const { t } = useTranslation();
  return (
    <p className="flex flex-wrap items-center gap-x-1.5 text-small text-ink-2">
      {entry.turnId === undefined ? (
        <Hand aria-hidden="true" size={14} className="text-ink-3" />
      ) : (
        <Sparkle aria-hidden="true" size={14} className="text-ai" />
      )}
      <Name people={people} id={entry.actorId} />
      {entry.turnId === undefined ? (
        <span>{t("files.byHand")}</span>
      ) : (
        entry.askers.length > 0 && (
          <span>
            {t("files.askedBy")} <Names people={people} ids={entry.askers} />
          </span>
        )
      )}
      <Time at={entry.at} as="relative" className="text-meta text-ink-3" />
    </p>
  );
}

const icons = { added: FilePlus2, changed: FilePen, removed: FileMinus2 } as const;
const tones = { added: "text-ok", changed: "text-ink-3", removed: "text-danger" } as const;

function ChangeRow({ change, onLook }: { readonly change: FileChange; readonly onLook: () => void }) {
  const { t } = useTranslation();
  const Icon = icons[change.kind];
  return (
    <button
      type="button"
      className="-mx-1.5 flex min-h-8 w-[calc(100%+0.75rem)] items-center gap-2 rounded-button px-1.5 text-left text-small hover:bg-hover pointer-coarse:min-h-11"
      onClick={onLook}
    >
      <Icon aria-hidden="true" size={15} className={classes("shrink-0", tones[change.kind])} />
      <span className="sr-only">{t(`files.kinds.${change.kind}`)}</span>
      <bdi data-tip={change.path} className="min-w-0 flex-1 truncate font-mono text-mono text-ink">
        {change.path}
      </bdi>
      {change.is_text === true && (
        <span className="shrink-0 text-meta tabular-nums">
          {(change.added_lines ?? 0) > 0 && <span className="text-ok">+{change.added_lines} </span>}
          {(change.removed_lines ?? 0) > 0 && <span className="text-danger">−{change.removed_lines}</span>}
        </span>
      )}
    </button>
  );
}

interface UndoProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly turnId: string;
  readonly entry: ChangeEntry;
}

function Undo({ room, people, turnId, entry }: UndoProps) {
  const { t } = useTranslation();
  const { run, isBusy } = useAct();
  const changes = useAnswer("GET /api/v1/rooms/{room_id}/turns/{turn_id}/changes", {
    places: { room_id: room.id, turn_id: turnId },
  });
  const undo = (keeps_others: boolean) =>
    void run(async () => {
      await room.ask({ type: "undo_turn", turn_id: turnId, keeps_others });
      changes.again();
    });
  const { undone } = entry;
  const conflicts = undone?.conflicts ?? [];
  if (undone?.is_ok === true && conflicts.length === 0) {
    return <Badge icon={<Undo2 aria-hidden="true" size={12} />}>{t("files.undone")}</Badge>;
  }
  const { value } = changes;
  return (
    <>
      {undone !== undefined && (
        <div role="status" className="w-full text-small text-ink-2">
          <p>{undone.is_ok ? t("files.undoneInPart") : (undone.reason ?? t("files.notUndone"))}</p>
          <ul className="list-disc pl-5 font-mono text-mono">
            {conflicts.map((path) => (
              <li key={path} className="wrap-anywhere">
                {path}
              </li>
            ))}
          </ul>
        </div>
      )}
      {value?.undo === "wanted" && <Badge>{t("files.undoing")}</Badge>}
      {value?.undo === "running" && <Note className="text-meta">{t("files.undoRunning")}</Note>}
      {value?.undo === "too_late" && <Note className="text-meta">{t("files.undoTooLate")}</Note>}
      {value?.undo === "done" && undone === undefined && (
        <Badge>
          {t("files.undone")}
          {value.undo_by !== undefined && (
            <>
              {" · "}
              <bdi>{people.name(value.undo_by)}</bdi>
            </>
          )}
        </Badge>
      )}
      {value?.undo === "possible" && value.may_undo && (
        <>
          <Button size="sm" icon={<Undo2 aria-hidden="true" size={14} />} isBusy={isBusy} onClick={() => undo(false)}>
            {t("files.undoTurn")}
          </Button>
          {conflicts.length > 0 && (
            <Button size="sm" variant="ghost" disabled={isBusy} onClick={() => undo(true)}>
              {t("files.undoRest")}
            </Button>
          )}
        </>
      )}
    </>
  );
}

interface DiffWindowProps {
  readonly room: RoomClient;
  readonly entry: ChangeEntry;
  readonly path: string | undefined;
  readonly onClose: () => void;
}

function DiffWindow({ room, entry, path, onClose }: DiffWindowProps) {
  const { t } = useTranslation();
  const diff = useAnswer("GET /api/v1/rooms/{room_id}/workspace/diff", {
    places: { room_id: room.id },
    query: { before: entry.before, after: entry.after, ...(path === undefined ? {} : { path }) },
  });
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={path ?? t("files.allChanges")}
      size="xl"
    >
      {diff.refusal !== undefined && <Refusal text={diff.refusal} onRetry={diff.again} />}
      {diff.isLoading && diff.value === undefined && <Loading lines={5} />}
      {diff.value !== undefined && <DiffView diff={diff.value.diff} isNamed={path === undefined} />}
      {(diff.value?.left_out ?? 0) > 0 && (
        <Note className="mt-2">{t("files.diffLeftOut", { count: diff.value?.left_out ?? 0 })}</Note>
      )}
    </Dialog>
  );
}
