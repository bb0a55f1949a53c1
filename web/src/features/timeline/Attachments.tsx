/** The files of a message: pictures to look at, sound to hear, anything else to download; and those that did not come. */

import { CircleAlert, Download, File, FileArchive, FileSpreadsheet, FileText, Film, Trash2, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment, FileFamily, Message } from "../../protocol/wire";
import { mayHere } from "../../room/rights";
import { Confirm } from "../../ui/Confirm";
import { IconButton } from "../../ui/IconButton";
import { formatBytes } from "../../ui/i18n/format";
import { Spinner } from "../../ui/Spinner";
import { visible } from "../../ui/visible";
import { Dialog } from "../../ui/windows";
import { useHere } from "../cards/RoomHere";
import { useClient, useRoomState } from "../hooks";
import { Recording } from "./Recording";

const WIDEST = 360;
const HIGHEST = 260;

const icons: Readonly<Record<FileFamily, ReactNode>> = {
  image: <File size={20} />,
  audio: <File size={20} />,
  video: <Film size={20} />,
  pdf: <FileText size={20} />,
  office: <FileSpreadsheet size={20} />,
  text: <FileText size={20} />,
  archive: <FileArchive size={20} />,
  other: <File size={20} />,
};

export function Attachments({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const { room, meId } = useHere();
  const mayRemoveAny = useRoomState(room, (state) => mayHere(state, meId, "delete_any")) ?? false;
  const mayRemoveOwn = useRoomState(room, (state) => mayHere(state, meId, "edit_own")) ?? false;
  const mayRemove = mayRemoveAny || (mayRemoveOwn && message.author_id === meId);
  const files = message.attachments ?? [];
  if (files.length === 0) return null;
  return (
    <ul aria-label={t("timeline.files")} className="mt-1.5 flex flex-col items-start gap-2">
      {files.map((file) => (
        <li key={file.id} className="group/file flex max-w-full items-start gap-1">
          <One file={file} message={message} />
          {mayRemove && file.state !== "removed" && <RemoveFile file={file} message={message} />}
        </li>
      ))}
    </ul>
  );
}

function One({ file, message }: { readonly file: Attachment; readonly message: Message }) {
  if (file.state !== "ready") return <NotHere file={file} />;
  if (file.family === "image" && file.has_thumbnail === true) return <Picture file={file} />;
  if (file.family === "audio" && file.is_inline_safe === true) return <Recording file={file} message={message} />;
  return <Chip file={file} />;
}

function useAddress(file: Attachment, isInline: boolean): string {
  const { rest } = useClient();
  return rest.address("GET /api/v1/files/{file_id}", {
    places: { file_id: file.id },
    ...(isInline ? { query: { inline: true } } : {}),
  });
}

function Picture({ file }: { readonly file: Attachment }) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [isOpen, setOpen] = useState(false);
  const whole = useAddress(file, true);
  const download = useAddress(file, false);
  const small = rest.address("GET /api/v1/files/{file_id}/thumbnail", { places: { file_id: file.id } });
  const width = file.width ?? WIDEST;
  const height = file.height ?? HIGHEST;
  const scale = Math.min(1, WIDEST / width, HIGHEST / height);
  const name = visible(file.name);
  return (
    <>
      <button
        type="button"
        aria-label={t("timeline.openPicture", { name })}
        onClick={() => setOpen(true)}
        className="overflow-hidden rounded-card border border-line bg-sunken"
      >
        <img
          src={small}
          alt={name}
          loading="lazy"
          width={Math.round(width * scale)}
          height={Math.round(height * scale)}
          className="block h-auto max-w-full object-contain"
        />
      </button>
      <Dialog
        isOpen={isOpen}
        onOpenChange={setOpen}
        size="xl"
        title={name}
        footer={
          <a href={download} download={file.name} className="inline-flex items-center gap-2 text-small text-accent">
            <Download aria-hidden="true" size={16} />
            {t("common.download")} · {formatBytes(file.size)}
          </a>
        }
      >
        <img
          src={file.is_inline_safe === true ? whole : small}
          alt={name}
          className="mx-auto max-h-[70dvh] max-w-full object-contain"
        />
      </Dialog>
    </>
  );
}

function Chip({ file }: { readonly file: Attachment }) {
  const { t } = useTranslation();
  const href = useAddress(file, false);
  return (
    <a
      href={href}
      download={file.name}
      className="flex max-w-full min-w-0 items-center gap-3 rounded-card border border-line bg-sunken py-2 pr-3 pl-3 no-underline transition-colors hover:border-line-strong"
    >
      <span aria-hidden="true" className="shrink-0 text-ink-3">
        {icons[file.family]}
      </span>
      <span className="min-w-0">
        <bdi className="block max-w-72 truncate text-small font-medium text-ink">{visible(file.name)}</bdi>
        <span className="block text-meta text-ink-3">
          {formatBytes(file.size)}
          {(file.pages ?? 0) > 0 && ` · ${t("timeline.pages", { count: file.pages ?? 0 })}`}
        </span>
      </span>
      <Download aria-hidden="true" size={16} className="shrink-0 text-ink-3" />
      <span className="sr-only">{t("common.download")}</span>
    </a>
  );
}

function NotHere({ file }: { readonly file: Attachment }) {
  const { t } = useTranslation();
  const looks = {
    pending: { icon: <Spinner size={16} />, words: t("timeline.filePending") },
    failed: {
      icon: <CircleAlert aria-hidden="true" size={16} className="text-danger" />,
      words: t("timeline.fileFailed"),
    },
    removed: { icon: <Trash2 aria-hidden="true" size={16} />, words: t("timeline.fileRemoved") },
  };
  const look = file.state === "ready" ? looks.pending : looks[file.state];
  return (
    <div className="flex max-w-full min-w-0 items-center gap-3 rounded-card border border-dashed border-line-strong/60 px-3 py-2 text-ink-3">
      <span className="shrink-0">{look.icon}</span>
      <span className="min-w-0">
        <bdi className="block max-w-72 truncate text-small text-ink-2">{visible(file.name)}</bdi>
        <span className="block text-meta wrap-anywhere">
          {look.words}
          {file.reason !== undefined && file.reason !== "" && ` ${file.reason}`}
        </span>
      </span>
    </div>
  );
}

function RemoveFile({ file, message }: { readonly file: Attachment; readonly message: Message }) {
  const { t } = useTranslation();
  const { room } = useHere();
  const [isAsked, setAsked] = useState(false);
  return (
    <>
      <IconButton
        size="sm"
        label={t("timeline.removeFile", { name: visible(file.name) })}
        icon={<X size={15} />}
        onClick={() => setAsked(true)}
        className="opacity-0 group-focus-within/file:opacity-100 group-hover/file:opacity-100 pointer-coarse:opacity-100"
      />
      {isAsked && (
        <Confirm
          isOpen
          onOpenChange={setAsked}
          isDanger
          title={t("timeline.removeFileTitle")}
          description={t("timeline.removeFileMeans", { name: visible(file.name) })}
          action={t("common.remove")}
          onConfirm={() => room.ask({ type: "remove_attachment", message_id: message.id, attachment_id: file.id })}
        />
      )}
    </>
  );
}
