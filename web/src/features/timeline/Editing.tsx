/** A message of one's own, edited where it stands. */

import { type KeyboardEvent, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Message } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { useFocusHere } from "../../ui/focusBack";
import { sentenceOf } from "../answers";
import { useHere } from "../cards/RoomHere";
import { editMessage } from "../replying";

export function Editing({ message }: { readonly message: Message }) {
  const { t } = useTranslation();
  const { roomId, room } = useHere();
  const [text, setText] = useState(message.text);
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const box = useRef<HTMLTextAreaElement>(null);
  useFocusHere(box);
  const end = () => editMessage(roomId, undefined);
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
        aria-label={t("timeline.editMessage")}
        value={text}
        rows={Math.min(12, Math.max(2, text.split("\n").length))}
        onChange={(event) => setText(event.target.value)}
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
