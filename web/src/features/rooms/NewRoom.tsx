/** Makes a room and goes into it. */

import { type FormEvent, useId, useState } from "react";
import { flushSync } from "react-dom";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input, Switch } from "../../ui/Field";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { focusComposer } from "../replying";

export interface NewRoomProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function NewRoom({ isOpen, onOpenChange }: NewRoomProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [, navigate] = useLocation();
  const formId = useId();
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [withAi, setWithAi] = useState(true);
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const create = async (event: FormEvent) => {
    event.preventDefault();
    if (name.trim() === "") {
      setError(t("rooms.room.nameMissing"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const made = await rest.call("POST /api/v1/rooms", {
        body: { name: name.trim(), topic: topic.trim(), with_ai: withAi },
      });
      setName("");
      setTopic("");
      // Gone before the room is there: it would take back the focus that the room's composer takes.
      flushSync(() => onOpenChange(false));
      navigate(`/r/${made.room.id}`);
      focusComposer(made.room.id);
    } catch (refusal) {
      setError(sentenceOf(refusal));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={t("rooms.room.title")}
      description={t("rooms.room.text")}
      size="sm"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>{t("common.cancel")}</Button>
          <Button variant="primary" type="submit" form={formId} isBusy={isBusy}>
            {t("rooms.room.create")}
          </Button>
        </>
      }
    >
      <form id={formId} noValidate onSubmit={(event) => void create(event)} className="flex flex-col gap-4">
        <Field label={t("rooms.room.name")} error={error}>
          <Input
            dir="auto"
            autoComplete="off"
            maxLength={100}
            value={name}
            placeholder={t("rooms.room.namePlaceholder")}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Field label={`${t("rooms.room.topic")} (${t("common.optional")})`}>
          <Input
            dir="auto"
            autoComplete="off"
            value={topic}
            placeholder={t("rooms.room.topicPlaceholder")}
            onChange={(event) => setTopic(event.target.value)}
          />
        </Field>
        <Switch label={t("rooms.room.withAi")} hint={t("rooms.room.withAiHint")} isOn={withAi} onChange={setWithAi} />
      </form>
    </Dialog>
  );
}
