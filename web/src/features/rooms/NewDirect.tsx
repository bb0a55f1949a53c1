/** Opens the direct room of some people or one AI; the server makes it if there is none. */

import { type FormEvent, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { Field, Input } from "../../ui/Field";
import { sentenceOf, useAnswer } from "../answers";
import { useClient } from "../hooks";

export interface NewDirectProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

/** `@mei, sam` as mei and sam. */
export function handlesIn(text: string): readonly string[] {
  const names = text.split(/[\s,，、;；]+/u).map((name) => name.replace(/^[@＠]/u, ""));
  return [...new Set(names.filter((name) => name !== ""))];
}

export function NewDirect({ isOpen, onOpenChange }: NewDirectProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [, navigate] = useLocation();
  const formId = useId();
  const [text, setText] = useState("");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const offers = useAnswer("GET /api/v1/ai", isOpen ? {} : undefined);
  const ais = (offers.value?.ais ?? []).filter((ai) => ai.can_answer);

  const open = async (handles: readonly string[]) => {
    if (handles.length === 0) {
      setError(t("rooms.directDialog.missing"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const made = await rest.call("POST /api/v1/rooms/direct", { body: { handles } });
      setText("");
      onOpenChange(false);
      navigate(`/r/${made.room.id}`);
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
      title={t("rooms.directDialog.title")}
      description={t("rooms.directDialog.text")}
      size="sm"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>{t("common.cancel")}</Button>
          <Button variant="primary" type="submit" form={formId} isBusy={isBusy}>
            {t("rooms.directDialog.create")}
          </Button>
        </>
      }
    >
      <form
        id={formId}
        noValidate
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void open(handlesIn(text));
        }}
      >
        <Field label={t("rooms.directDialog.handles")} hint={t("rooms.directDialog.hint")} error={error}>
          <Input
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={text}
            placeholder={t("rooms.directDialog.placeholder")}
            onChange={(event) => setText(event.target.value)}
          />
        </Field>
      </form>
      {ais.length > 0 && (
        <div className="mt-4">
          <p className="mb-1 text-small font-medium text-ink">{t("rooms.directDialog.ais")}</p>
          <ul className="-mx-2">
            {ais.map((ai) => (
              <li key={ai.account_id}>
                <button
                  type="button"
                  disabled={isBusy}
                  onClick={() => void open([ai.handle])}
                  className="flex min-h-10 w-full items-center gap-2.5 rounded-button px-2 text-left text-[0.875rem] hover:bg-hover pointer-coarse:min-h-11"
                >
                  <Avatar name={ai.name} isAi size="sm" />
                  <bdi className="min-w-0 truncate">{ai.name}</bdi>
                  <span className="truncate text-meta text-ink-3">@{ai.handle}</span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Dialog>
  );
}
