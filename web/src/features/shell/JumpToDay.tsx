/** Goes to where a day begins in a room. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { Rest, RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input } from "../../ui/Field";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";

export interface JumpToDayProps {
  readonly room: RoomClient;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function JumpToDay({ room, isOpen, onOpenChange }: JumpToDayProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [, navigate] = useLocation();
  const [day, setDay] = useState("");
  const [wrong, setWrong] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const go = async () => {
    const begins = new Date(`${day}T00:00:00`);
    if (Number.isNaN(begins.getTime())) return setWrong(t("shell.jump.noDay"));
    setBusy(true);
    try {
      const messageId = await beginningOf(rest, room, begins);
      onOpenChange(false);
      if (messageId !== undefined) navigate(`/r/${room.id}/m/${messageId}`);
    } catch (error) {
      setWrong(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={t("shell.jump.title")}
      size="sm"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>{t("common.cancel")}</Button>
          <Button variant="primary" isBusy={isBusy} onClick={() => void go()}>
            {t("shell.jump.go")}
          </Button>
        </>
      }
    >
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        <Field label={t("shell.jump.day")} error={wrong}>
          <Input
            type="date"
            max="9999-12-31"
            value={day}
            onChange={(event) => {
              setWrong(undefined);
              setDay(event.target.value);
            }}
          />
        </Field>
      </form>
    </Dialog>
  );
}

/** The last message before a moment, under which the day begins; of a room that began later its first one. */
async function beginningOf(rest: Rest, room: RoomClient, moment: Date): Promise<string | undefined> {
  const query = { room: room.id, until: moment.toISOString(), limit: 1 };
  const { hits } = await rest.call("GET /api/v1/search", { query });
  if (hits[0] !== undefined) return hits[0].message.id;
  await room.loadSince(0);
  return room.state.get()?.messages[0]?.id;
}
