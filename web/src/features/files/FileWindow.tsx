/** One file of the workspace in a window: looked at, changed, downloaded. */

import { Download, Pencil } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { AudioPlayer } from "../../ui/AudioPlayer";
import { Button, buttonClass } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { formatBytes } from "../../ui/i18n/format";
import { useClient, useRoomState } from "../hooks";
import { Loading, Note, Refusal } from "../sections";
import { changedSeq } from "./changes";
import { FileEditor } from "./FileEditor";
import { showingOf } from "./kinds";
import { nameOf } from "./paths";
import { TableView } from "./TableView";
import { TextView } from "./TextView";
import { type FileContent, useFile } from "./useFile";

export interface FileWindowProps {
  readonly room: RoomClient;
  readonly path: string;
  readonly mayChange: boolean;
  /** Opens it to be changed, as a file that was just made. */
  readonly isEditing?: boolean;
  readonly onClose: () => void;
}

export function FileWindow({ room, path, mayChange, isEditing: startsEditing = false, onClose }: FileWindowProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const { content, refusal, again } = useFile(room.id, path);
  const [isEditing, setEditing] = useState(startsEditing);
  const [isDirty, setDirty] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  const seq = useRoomState(room, changedSeq);
  const [seenSeq] = useState(seq);
  const close = () => {
    if (isDirty) setLeaving(true);
    else onClose();
  };
  const mayEdit = mayChange && content?.text !== undefined;
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) close();
      }}
      title={nameOf(path)}
      description={
        <span className="flex flex-wrap gap-x-2">
          <bdi className="wrap-anywhere">{path}</bdi>
          {content !== undefined && <span>· {formatBytes(content.blob.size)}</span>}
        </span>
      }
      size="xl"
      footer={
        !isEditing && (
          <>
            {seq !== seenSeq && (
              <Button variant="ghost" onClick={again}>
                {t("files.lookAgain")}
              </Button>
            )}
            <a
              className={buttonClass()}
              href={rest.address("GET /api/v1/rooms/{room_id}/workspace/file", {
                places: { room_id: room.id },
                query: { path },
              })}
              download={nameOf(path)}
            >
              <Download aria-hidden="true" size={16} />
              {t("common.download")}
            </a>
            {mayEdit && (
              <Button variant="primary" icon={<Pencil aria-hidden="true" size={16} />} onClick={() => setEditing(true)}>
                {t("common.edit")}
              </Button>
            )}
          </>
        )
      }
    >
      {refusal !== undefined && <Refusal text={refusal} onRetry={again} />}
      {content === undefined && refusal === undefined && <Loading lines={5} />}
      {content !== undefined &&
        (isEditing && content.text !== undefined ? (
          <FileEditor
            room={room}
            path={path}
            text={content.text}
            etag={content.etag}
            onDirty={setDirty}
            onDone={() => {
              setDirty(false);
              setEditing(false);
              again();
            }}
          />
        ) : (
          <Preview name={nameOf(path)} content={content} />
        ))}
      <Confirm
        isOpen={isLeaving}
        onOpenChange={setLeaving}
        title={t("files.leaveUnsaved")}
        action={t("common.discard")}
        isDanger
        onConfirm={async () => onClose()}
      />
    </Dialog>
  );
}

function Preview({ name, content }: { readonly name: string; readonly content: FileContent }) {
  const { t } = useTranslation();
  const showing = showingOf(name);
  const media = content.text === undefined ? showing.type : undefined;
  const address = useObjectAddress(content.blob, media);
  if (content.text !== undefined) {
    return showing.as === "table" ? (
      <TableView text={content.text} />
    ) : (
      <TextView text={content.text} language={showing.language} />
    );
  }
  if (media === undefined) return <Note>{t("files.noPreview")}</Note>;
  if (address === undefined) return null;
  return showing.as === "image" ? (
    <img src={address} alt={name} className="mx-auto max-h-[65dvh] max-w-full rounded-button border border-line" />
  ) : (
    <AudioPlayer src={address} label={name} preload="metadata" />
  );
}

/** An address of bytes that are here already, as what they are by their name. */
function useObjectAddress(blob: Blob, type: string | undefined): string | undefined {
  const [address, setAddress] = useState<string>();
  useEffect(() => {
    if (type === undefined) return;
    const made = URL.createObjectURL(new Blob([blob], { type }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob, type]);
  return address;
}
