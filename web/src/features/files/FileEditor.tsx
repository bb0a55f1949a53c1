/** Changes a text of the workspace. It is saved only over the version that was read: else both are shown. */

import { createTwoFilesPatch } from "diff";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { TextArea } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { Refusal } from "../sections";
import { DiffView } from "./DiffView";
import { readFile, writeFile } from "./useFile";

export interface FileEditorProps {
  readonly room: RoomClient;
  readonly path: string;
  readonly text: string;
  readonly etag: string;
  readonly onDirty: (isDirty: boolean) => void;
  /** Saved, or given up. */
  readonly onDone: () => void;
}

interface Theirs {
  readonly text: string;
  readonly etag: string;
}

export function FileEditor({ room, path, text, etag, onDirty, onDone }: FileEditorProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [mine, setMine] = useState(text);
  const [version, setVersion] = useState(etag);
  const [theirs, setTheirs] = useState<Theirs>();
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const change = (next: string) => {
    setMine(next);
    onDirty(next !== text);
  };
  const save = async (over: string) => {
    setBusy(true);
    setRefusal(undefined);
    try {
      const saved = await writeFile(rest, room.id, path, mine, over);
      if (saved !== "conflict") {
        toast(t("files.saved"), { tone: "ok" });
        onDone();
        return;
      }
      const there = await readFile(rest, room.id, path);
      if (there.text === undefined) setRefusal(t("files.notTextAnyMore"));
      else setTheirs({ text: there.text, etag: there.etag });
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="flex flex-col gap-3">
      {theirs !== undefined && (
        <section
          aria-label={t("files.conflict")}
          className="flex flex-col gap-2 rounded-card border border-warn-line bg-warn-soft p-3"
        >
          <p role="alert" className="text-small font-medium text-warn">
            {t("files.conflict")}
          </p>
          <p className="text-small text-ink-2">{t("files.conflictHint")}</p>
          <DiffView diff={createTwoFilesPatch(path, path, theirs.text, mine)} />
          <div className="flex flex-wrap gap-2">
            <Button size="sm" variant="primary" isBusy={isBusy} onClick={() => void save(theirs.etag)}>
              {t("files.keepMine")}
            </Button>
            <Button
              size="sm"
              onClick={() => {
                setVersion(theirs.etag);
                change(theirs.text);
                setTheirs(undefined);
              }}
            >
              {t("files.takeTheirs")}
            </Button>
          </div>
        </section>
      )}
      <TextArea
        aria-label={t("files.contentOf", { path })}
        value={mine}
        rows={20}
        spellCheck={false}
        dir="auto"
        className="min-h-64 font-mono text-mono"
        onChange={(event) => change(event.target.value)}
        onKeyDown={(event) => {
          if ((event.ctrlKey || event.metaKey) && event.key === "s") {
            event.preventDefault();
            void save(version);
          }
        }}
      />
      {refusal !== undefined && <Refusal text={refusal} />}
      <div className="flex justify-end gap-2">
        <Button onClick={onDone}>{t("common.cancel")}</Button>
        <Button variant="primary" isBusy={isBusy} disabled={mine === text} onClick={() => void save(version)}>
          {t("common.save")}
        </Button>
      </div>
    </div>
  );
}
