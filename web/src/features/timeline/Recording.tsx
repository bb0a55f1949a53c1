/** A recording: to hear, and to read once somebody has listened to it. Its author may mend the words. */

import { Captions, Pencil, RotateCcw, Square } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Attachment, Message, Transcript } from "../../protocol/wire";
import { mayHere } from "../../room/rights";
import { AudioPlayer } from "../../ui/AudioPlayer";
import { Button } from "../../ui/Button";
import { TextArea } from "../../ui/Field";
import { useFocusHere } from "../../ui/focusBack";
import { formatPercent } from "../../ui/i18n/format";
import { Spinner } from "../../ui/Spinner";
import { visible } from "../../ui/visible";
import { useAct } from "../answers";
import { useHere } from "../cards/RoomHere";
import { useClient, useReadable, useRoomState } from "../hooks";

export interface RecordingProps {
  readonly file: Attachment;
  readonly message: Message;
}

export function Recording({ file, message }: RecordingProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const src = rest.address("GET /api/v1/files/{file_id}", { places: { file_id: file.id }, query: { inline: true } });
  return (
    <div className="flex w-96 max-w-full min-w-0 flex-col gap-2 rounded-card border border-line bg-sunken p-3">
      <AudioPlayer src={src} label={t("timeline.recording", { name: visible(file.name) })} />
      <Words file={file} message={message} transcript={file.transcript} />
    </div>
  );
}

function Words({ file, message, transcript }: RecordingProps & { readonly transcript: Transcript | undefined }) {
  const { t } = useTranslation();
  const { room, meId } = useHere();
  const { run, isBusy } = useAct();
  const [isEditing, setEditing] = useState(false);
  const done = useReadable(room.listening).get(file.id);
  const isAuthor = message.author_id === meId;
  const mayDeleteAny = useRoomState(room, (state) => mayHere(state, meId, "delete_any")) ?? false;
  const mayAsk = isAuthor || mayDeleteAny;
  const about = { message_id: message.id, attachment_id: file.id };
  if (isEditing) return <EditWords about={about} text={transcript?.text ?? ""} onEnd={() => setEditing(false)} />;
  const isAtWork = transcript?.state === "queued" || transcript?.state === "running";
  return (
    <div className="flex flex-col gap-1.5">
      {isAtWork && (
        <p className="flex items-center gap-2 text-small text-ink-2">
          <Spinner size={14} />
          {transcript.state === "queued" ? t("timeline.transcriptQueued") : t("timeline.transcriptRunning")}
          {done !== undefined && <span className="tabular-nums">{formatPercent(done)}</span>}
        </p>
      )}
      {transcript?.state === "done" && (
        <p dir="auto" className="text-small whitespace-pre-wrap text-ink wrap-anywhere">
          <Captions aria-hidden="true" size={15} className="mr-1.5 inline text-ink-3" />
          {transcript.text === undefined || transcript.text === "" ? (
            <span className="text-ink-3">{t("timeline.nobodySpeaks")}</span>
          ) : (
            visible(transcript.text, true)
          )}
          {transcript.is_edited === true && <span className="text-meta text-ink-3"> ({t("timeline.edited")})</span>}
        </p>
      )}
      {transcript?.state === "failed" && (
        <p className="text-small text-danger">
          {t("timeline.transcriptFailed")} {transcript.reason}
        </p>
      )}
      {transcript?.state === "stopped" && <p className="text-small text-ink-3">{t("timeline.transcriptStopped")}</p>}
      <div className="flex flex-wrap gap-1 empty:hidden">
        {isAtWork && mayAsk && (
          <Button
            size="sm"
            variant="ghost"
            icon={<Square size={12} fill="currentColor" />}
            isBusy={isBusy}
            onClick={() => void run(() => room.ask({ type: "stop_transcript", ...about }))}
          >
            {t("timeline.stopListening")}
          </Button>
        )}
        {!isAtWork && transcript?.state !== "done" && mayAsk && (
          <Button
            size="sm"
            variant="ghost"
            icon={<RotateCcw size={14} />}
            isBusy={isBusy}
            onClick={() => void run(() => room.ask({ type: "ask_transcript", ...about }))}
          >
            {t("timeline.writeDown")}
          </Button>
        )}
        {!isAtWork && isAuthor && (
          <Button size="sm" variant="ghost" icon={<Pencil size={14} />} onClick={() => setEditing(true)}>
            {t("timeline.editWords")}
          </Button>
        )}
      </div>
    </div>
  );
}

interface EditWordsProps {
  readonly about: { readonly message_id: string; readonly attachment_id: string };
  readonly text: string;
  readonly onEnd: () => void;
}

function EditWords({ about, text, onEnd }: EditWordsProps) {
  const { t } = useTranslation();
  const { room } = useHere();
  const { run, isBusy } = useAct();
  const [words, setWords] = useState(text);
  const box = useRef<HTMLTextAreaElement>(null);
  useFocusHere(box);
  const save = async () => {
    if (await run(() => room.ask({ type: "edit_transcript", ...about, text: words }))) onEnd();
  };
  return (
    <div className="flex flex-col gap-2">
      <TextArea
        ref={box}
        dir="auto"
        rows={4}
        aria-label={t("timeline.editWords")}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <div className="flex gap-2">
        <Button variant="primary" size="sm" isBusy={isBusy} onClick={() => void save()}>
          {t("common.save")}
        </Button>
        <Button size="sm" onClick={onEnd}>
          {t("common.cancel")}
        </Button>
      </div>
    </div>
  );
}
