/** The files of the room's messages, the newest first, with what was found in them. */

import { AudioLines, Download, File, FileArchive, FileText, Film, Image } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomClient } from "../../connection/types";
import type { FileFamily, RoomFile } from "../../protocol/api";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { formatBytes } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { sentenceOf, useAnswer } from "../answers";
import { useClient, useRoomState } from "../hooks";
import { Name, type People } from "../people";
import { Loading, Note, Refusal } from "../sections";
import { TextView } from "./TextView";

const icons: Readonly<Record<FileFamily, typeof File>> = {
  image: Image,
  audio: AudioLines,
  video: Film,
  pdf: FileText,
  office: FileText,
  text: FileText,
  archive: FileArchive,
  other: File,
};
const PAGE = 50;

export interface AttachmentsViewProps {
  readonly room: RoomClient;
  readonly people: People;
}

export function AttachmentsView({ room, people }: AttachmentsViewProps) {
  const { t } = useTranslation();
  // Files come with messages: a new one of these is a reason to look again.
  const version = useRoomState(room, (state) =>
    state.messages.reduce(
      (count, message) => count + (message.attachments ?? []).filter((file) => file.state === "ready").length,
      0,
    ),
  );
  const first = useAnswer(
    "GET /api/v1/rooms/{room_id}/files",
    { places: { room_id: room.id }, query: { limit: PAGE } },
    version,
  );
  const { files, more, isMore, refusal } = useRest(room, first.value?.files, first.value?.next_before);
  const [read, setRead] = useState<RoomFile>();
  if (first.value === undefined) {
    return first.refusal === undefined ? <Loading lines={4} /> : <Refusal text={first.refusal} onRetry={first.again} />;
  }
  if (files.length === 0) return <Note>{t("files.noAttachments")}</Note>;
  return (
    <>
      <ul className="flex flex-col">
        {files.map((file) => (
          <li key={file.attachment.id} className="border-b border-line py-2 last:border-b-0">
            <AttachmentRow room={room} people={people} file={file} onRead={() => setRead(file)} />
          </li>
        ))}
      </ul>
      {refusal !== undefined && <Refusal text={refusal} onRetry={more} />}
      {isMore && (
        <Button size="sm" className="mt-2" onClick={more}>
          {t("common.loadMore")}
        </Button>
      )}
      {read !== undefined && <FoundText file={read} onClose={() => setRead(undefined)} />}
    </>
  );
}

/** The pages after the first, as they are asked for. */
function useRest(room: RoomClient, first: readonly RoomFile[] | undefined, firstBefore: number | undefined) {
  const { rest } = useClient();
  const [older, setOlder] = useState<readonly RoomFile[]>([]);
  const [before, setBefore] = useState<number>();
  const [isBegun, setBegun] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const next = isBegun ? before : firstBefore;
  const more = () => {
    if (next === undefined) return;
    setRefusal(undefined);
    rest
      .call("GET /api/v1/rooms/{room_id}/files", {
        places: { room_id: room.id },
        query: { limit: PAGE, before: next },
      })
      .then(
        (page) => {
          setOlder((all) => [...all, ...page.files]);
          setBefore(page.next_before);
          setBegun(true);
        },
        (error: unknown) => setRefusal(sentenceOf(error)),
      );
  };
  const known = new Set(first?.map((file) => file.attachment.id));
  const files = [...(first ?? []), ...older.filter((file) => !known.has(file.attachment.id))];
  return { files, more, isMore: next !== undefined, refusal };
}

interface AttachmentRowProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly file: RoomFile;
  readonly onRead: () => void;
}

function AttachmentRow({ room, people, file, onRead }: AttachmentRowProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const { attachment } = file;
  const Icon = icons[attachment.family];
  const places = { file_id: attachment.id };
  const { transcript } = attachment;
  return (
    <div className="flex gap-3">
      {attachment.has_thumbnail ? (
        <img
          src={rest.address("GET /api/v1/files/{file_id}/thumbnail", { places })}
          alt=""
          loading="lazy"
          className="size-10 shrink-0 rounded-button border border-line object-cover"
        />
      ) : (
        <span
          aria-hidden="true"
          className="flex size-10 shrink-0 items-center justify-center rounded-button border border-line bg-sunken text-ink-3"
        >
          <Icon size={18} />
        </span>
      )}
      <div className="min-w-0 flex-1">
        <p className="truncate text-small font-medium text-ink" title={attachment.name}>
          <bdi>{attachment.name}</bdi>
        </p>
        <p className="flex flex-wrap gap-x-1.5 text-meta text-ink-3">
          <span>{formatBytes(attachment.size)}</span>
          {attachment.pages > 0 && <span>· {t("files.pages", { count: attachment.pages })}</span>}
          <span>
            · <Name people={people} id={file.uploaded_by} />
          </span>
          <span>
            · <Time at={file.at} as="relative" />
          </span>
        </p>
        {transcript !== undefined && (
          <p dir="auto" className="mt-1 text-small text-ink-2 wrap-anywhere">
            {transcript.state === "done"
              ? (transcript.text ?? "") === ""
                ? t("files.nobodySpeaks")
                : `“${transcript.text}”`
              : t(`files.transcripts.${transcript.state}`)}
          </p>
        )}
        <div className="mt-1 flex flex-wrap gap-x-3 text-small">
          <a
            className="inline-flex min-h-6 items-center gap-1 text-accent hover:underline"
            href={rest.address("GET /api/v1/files/{file_id}", { places })}
            download={attachment.name}
          >
            <Download aria-hidden="true" size={14} />
            {t("common.download")}
          </a>
          {attachment.has_text && (
            <button
              type="button"
              className="inline-flex min-h-6 items-center text-accent hover:underline"
              onClick={onRead}
            >
              {t("files.readText")}
            </button>
          )}
          <Link
            href={`/r/${room.id}/m/${file.message_id}`}
            className="inline-flex min-h-6 items-center text-accent hover:underline"
          >
            {t("files.toMessage")}
          </Link>
        </div>
      </div>
    </div>
  );
}

/** What was found in a file: of a PDF, its words; our pages show no frames. */
function FoundText({ file, onClose }: { readonly file: RoomFile; readonly onClose: () => void }) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [text, setText] = useState<string>();
  const [refusal, setRefusal] = useState<string>();
  useEffect(() => {
    const stop = new AbortController();
    rest
      .raw("GET /api/v1/files/{file_id}/text", { places: { file_id: file.attachment.id }, signal: stop.signal })
      .then((response) => response.text())
      .then(
        (found) => {
          if (!stop.signal.aborted) setText(found);
        },
        (error: unknown) => {
          if (!stop.signal.aborted) setRefusal(sentenceOf(error));
        },
      );
    return () => stop.abort();
  }, [rest, file.attachment.id]);
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={file.attachment.name}
      description={t("files.textFound")}
      size="xl"
    >
      {refusal !== undefined && <Refusal text={refusal} />}
      {text === undefined && refusal === undefined && <Loading lines={5} />}
      {text !== undefined && <TextView text={text} />}
    </Dialog>
  );
}
