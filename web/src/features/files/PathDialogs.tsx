/** Windows that make, move and delete files. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { Field, Input } from "../../ui/Field";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { nameOf, problemOf, tidied } from "./paths";
import type { TreeRow } from "./tree";

interface PathDialogProps {
  readonly title: string;
  readonly action: string;
  readonly from: string;
  readonly onClose: () => void;
  /** Rejects with what the server says. */
  readonly onPath: (path: string) => Promise<unknown>;
}

function PathDialog({ title, action, from, onClose, onPath }: PathDialogProps) {
  const { t } = useTranslation();
  const [path, setPath] = useState(from);
  const [isTouched, setTouched] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const problem = problemOf(path);
  const submit = async () => {
    setTouched(true);
    if (problem !== undefined) return;
    setBusy(true);
    try {
      await onPath(tidied(path));
      onClose();
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={title}
      size="sm"
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="primary" isBusy={isBusy} onClick={() => void submit()}>
            {action}
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <Field
          label={t("files.path")}
          hint={t("files.pathHint")}
          error={refusal ?? (isTouched && problem !== undefined ? t(`files.problems.${problem}`) : undefined)}
        >
          <Input
            value={path}
            dir="auto"
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => {
              setPath(event.target.value);
              setRefusal(undefined);
            }}
          />
        </Field>
      </form>
    </Dialog>
  );
}

interface NewFileProps {
  readonly room: RoomClient;
  readonly folder: string;
  readonly onClose: () => void;
  readonly onMade: (path: string) => void;
}

export function NewFile({ room, folder, onClose, onMade }: NewFileProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  return (
    <PathDialog
      title={t("files.newFile")}
      action={t("common.create")}
      from={folder === "" ? "" : `${folder}/`}
      onClose={onClose}
      onPath={async (path) => {
        await rest.call("PUT /api/v1/rooms/{room_id}/workspace/file", {
          places: { room_id: room.id },
          query: { path },
          body: new Blob([]),
        });
        onMade(path);
      }}
    />
  );
}

interface MoveProps {
  readonly room: RoomClient;
  readonly path: string;
  readonly onClose: () => void;
  readonly onMoved: (from: string, to: string) => void;
}

export function MoveFile({ room, path, onClose, onMoved }: MoveProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  return (
    <PathDialog
      title={t("files.moveTitle", { name: nameOf(path) })}
      action={t("files.moveAction")}
      from={path}
      onClose={onClose}
      onPath={async (destination) => {
        if (destination === path) return;
        await rest.call("POST /api/v1/rooms/{room_id}/workspace/move", {
          places: { room_id: room.id },
          body: { source: path, destination },
        });
        onMoved(path, destination);
      }}
    />
  );
}

interface DeleteProps {
  readonly room: RoomClient;
  readonly row: TreeRow;
  readonly onClose: () => void;
  readonly onDeleted: (path: string) => void;
}

export function DeleteFile({ room, row, onClose, onDeleted }: DeleteProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const isFolder = row.kind === "folder";
  return (
    <Confirm
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("files.deleteTitle", { name: row.name })}
      description={isFolder ? t("files.deleteFolder") : t("files.deleteFile")}
      action={t("common.delete")}
      isDanger
      onConfirm={async () => {
        await rest
          .call("DELETE /api/v1/rooms/{room_id}/workspace/file", {
            places: { room_id: room.id },
            query: isFolder ? { path: row.path, recursive: true } : { path: row.path },
          })
          .catch((error: unknown) => {
            throw new Error(sentenceOf(error));
          });
        onDeleted(row.path);
      }}
    />
  );
}
