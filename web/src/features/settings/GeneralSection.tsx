/** What a room is called, what guests may, and its end. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Field, Input, Switch, TextArea } from "../../ui/Field";
import { sentenceOf, useAct } from "../answers";
import { useClient, useReadable, useRoomState } from "../hooks";
import type { Rights } from "../useRights";
import { Block } from "./layout";
import { useSettings } from "./useSettings";

export interface SectionProps {
  readonly room: RoomClient;
  readonly rights: Rights;
}

const SWITCHES = [
  ["guests_see_history", true],
  ["guests_post", false],
  ["guests_ask_ai", false],
  ["guests_see_workspace", false],
  ["members_invite", false],
] as const;

export function GeneralSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { settings, isBusy, change } = useSettings(room);
  const kind = useRoomState(room, (state) => state.room.kind);
  const maySet = rights.may("settings") && !rights.isArchived;
  return (
    <>
      {kind !== "direct" && <NameBlock room={room} rights={rights} />}
      <Block title={t("settings.guests")} hint={t("settings.guestsHint")}>
        <div className="flex flex-col gap-3">
          {SWITCHES.map(([name, usual]) => (
            <Switch
              key={name}
              label={t(`settings.switches.${name}`)}
              isOn={settings[name] ?? usual}
              disabled={!maySet || isBusy}
              onChange={(isOn) => void change({ [name]: isOn })}
            />
          ))}
        </div>
      </Block>
      <Block title={t("settings.thinking")}>
        <Switch
          label={t("settings.showsThinking")}
          hint={t("settings.showsThinkingHint")}
          isOn={settings.shows_thinking ?? true}
          disabled={!maySet || isBusy}
          onChange={(isOn) => void change({ shows_thinking: isOn })}
        />
      </Block>
      <EndBlock room={room} rights={rights} isDirect={kind === "direct"} />
    </>
  );
}

function NameBlock({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const limits = useReadable(useClient().limits);
  const { run, isBusy } = useAct();
  const name = useRoomState(room, (state) => state.room.name) ?? "";
  const topic = useRoomState(room, (state) => state.room.topic) ?? "";
  const [newName, setName] = useState<string>();
  const [newTopic, setTopic] = useState<string>();
  const may = rights.may("rename") && !rights.isArchived;
  const isChanged =
    (newName !== undefined && newName.trim() !== name) || (newTopic !== undefined && newTopic.trim() !== topic);
  const save = async () => {
    const isDone = await run(async () => {
      if (newName !== undefined && newName.trim() !== name) {
        await room.ask({ type: "rename_room", name: newName.trim() });
      }
      if (newTopic !== undefined && newTopic.trim() !== topic) {
        await room.ask({ type: "set_topic", topic: newTopic.trim() });
      }
    }, t("settings.saved"));
    if (!isDone) return;
    setName(undefined);
    setTopic(undefined);
  };
  return (
    <Block title={t("settings.nameAndTopic")}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <Field label={t("settings.name")}>
          <Input
            dir="auto"
            disabled={!may}
            maxLength={limits.name}
            value={newName ?? name}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Field label={t("settings.topic")}>
          <TextArea
            dir="auto"
            rows={2}
            disabled={!may}
            maxLength={limits.topic}
            value={newTopic ?? topic}
            onChange={(event) => setTopic(event.target.value)}
          />
        </Field>
        {may && (
          <Button
            type="submit"
            variant="primary"
            className="self-start"
            isBusy={isBusy}
            disabled={!isChanged || newName?.trim() === ""}
          >
            {t("common.save")}
          </Button>
        )}
      </form>
    </Block>
  );
}

function EndBlock({ room, rights, isDirect }: SectionProps & { readonly isDirect: boolean }) {
  const { t } = useTranslation();
  const [, go] = useLocation();
  const { run, isBusy } = useAct();
  const name = useRoomState(room, (state) => state.room.name) ?? "";
  const [isDeleting, setDeleting] = useState(false);
  const [typed, setTyped] = useState("");
  if (!rights.may("archive")) return null;
  const isArchived = rights.isArchived;
  // A direct room is called as those in it are, so its word is another.
  const word = isDirect || name === "" ? t("settings.deleteWord") : name;
  return (
    <Block title={t("settings.end")}>
      <div className="flex flex-col gap-4">
        {!isDirect && (
          <div className="flex flex-wrap items-center justify-between gap-3">
            <p className="min-w-0 flex-1 basis-60 text-small text-ink-2">
              {isArchived ? t("settings.isArchived") : t("settings.archiveHint")}
            </p>
            <Button
              isBusy={isBusy}
              onClick={() => void run(() => room.ask({ type: "archive_room", is_archived: !isArchived }))}
            >
              {isArchived ? t("settings.unarchive") : t("settings.archive")}
            </Button>
          </div>
        )}
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p className="min-w-0 flex-1 basis-60 text-small text-ink-2">{t("settings.deleteHint")}</p>
          <Button variant="danger" onClick={() => setDeleting(true)}>
            {t("settings.deleteRoom")}
          </Button>
        </div>
      </div>
      <Confirm
        isOpen={isDeleting}
        onOpenChange={(isOpen) => {
          setDeleting(isOpen);
          setTyped("");
        }}
        title={t("settings.deleteRoom")}
        description={t("settings.deleteHint")}
        action={t("settings.deleteForGood")}
        isDanger
        isDisabled={typed.trim() !== word.trim()}
        onConfirm={async () => {
          await room.ask({ type: "delete_room" }).catch((error: unknown) => {
            throw new Error(sentenceOf(error));
          });
          go("/");
        }}
      >
        <Field label={t("settings.typeName", { name: word })}>
          <Input dir="auto" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </Field>
      </Confirm>
    </Block>
  );
}
