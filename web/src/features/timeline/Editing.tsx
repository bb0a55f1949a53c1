/** A message of one's own, edited where it stands; what is not saved is kept, as drafts are. */

import { type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { useFocusHere } from "../../ui/focusBack";
import { sentenceOf } from "../answers";
import { useHere } from "../cards/RoomHere";
import { readDraft, writeDraft } from "../preferences";
import { endEditing } from "../replying";
import { useDoing } from "./doing";

export function Editing({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const { roomId, room } = useHere();
  const { threadRoot } = useDoing();
  const place = `edit/${message.id}`;
  const [text, setText] = useState(() => readDraft(place) || message.text);
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const box = useRef<HTMLTextAreaElement>(null);
  useFocusHere(box);
  const change = (next: string) => {
    setText(next);
    writeDraft(place, next === message.text ? "" : next);
  };
  const end = () => {
    writeDraft(place, "");
    endEditing(roomId, threadRoot, message.id);
  };
  const hasWords = text.trim() !== "" || (message.attachments?.length ?? 0) > 0;
  const save = async () => {
    if (!hasWords || isBusy) return;
    if (text === message.text) {
      end();
      return;
    }
    setBusy(true);
    try {
      await room.ask({ type: "edit_message", message_id: message.id, text });
      end();
    } catch (error) {
      setRefusal(sentenceOf(error));
      setBusy(false);
    }
  };
  const hear = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      end();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void save();
    }
  };
  return (
    <div className="mt-1 flex flex-col gap-2">
      <textarea
        ref={box}
        dir="auto"
        data-keeps-escape=""
        readOnly={isBusy}
        aria-label={t("timeline.editMessage")}
        value={text}
        rows={Math.min(12, Math.max(2, text.split("\n").length))}
        onChange={(event) => change(event.target.value)}
        onKeyDown={hear}
        className="w-full resize-y rounded-button border border-accent bg-surface px-3 py-2 text-body text-ink focus-visible:outline-offset-0"
      />
      <div className="flex flex-wrap items-center gap-2">
        <Button variant="primary" size="sm" isBusy={isBusy} disabled={!hasWords} onClick={() => void save()}>
          {t("common.save")}
        </Button>
        <Button size="sm" onClick={end}>
          {t("common.cancel")}
        </Button>
        <span className="text-meta text-ink-3 max-sm:hidden">{t("timeline.editKeys")}</span>
      </div>
      {refusal !== undefined && (
        <p role="alert" className="text-small text-danger">
          {refusal}
        </p>
      )}
    </div>
  );
}
