/** Opens the direct room of some people or one AI; the server makes it if there is none. */

import { type FormEvent, useId, useState } from "react";
import { flushSync } from "react-dom";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { sentenceOf, useAnswer } from "../answers";
import { useClient } from "../hooks";
import { focusComposer } from "../replying";
import { HandleField } from "../suggesting/HandleField";
import { handlesIn } from "../suggesting/handles";

export interface NewDirectProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function NewDirect({ isOpen, onOpenChange }: NewDirectProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [location, navigate] = useLocation();
  const formId = useId();
  const [text, setText] = useState("");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const offers = useAnswer("GET /api/v1/ai", isOpen ? {} : undefined);
  const ais = (offers.value?.ais ?? []).filter((ai) => ai.can_answer);

  const open = async (handles: readonly string[]) => {
    if (handles.length === 0) {
      setError(t("members.direct.missing"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const made = await rest.call("POST /api/v1/rooms/direct", { body: { handles } });
      setText("");
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
      title={t("members.direct.title")}
      description={t("members.direct.text")}
      size="sm"
      footer={
        <>
          <Button onClick={() => onOpenChange(false)}>{t("common.cancel")}</Button>
          <Button variant="primary" type="submit" form={formId} isBusy={isBusy}>
            {t("members.direct.create")}
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
        <HandleField
          isMany
          roomId={/^\/r\/([^/]+)/.exec(location)?.[1]}
          label={t("members.direct.handles")}
          hint={t("members.direct.hint")}
          error={error}
          placeholder={t("members.direct.placeholder")}
          value={text}
          onChange={(next) => {
            setText(next);
            setError(undefined);
          }}
        />
      </form>
      {ais.length > 0 && (
        <div className="mt-4">
          <p className="mb-1 text-small font-medium text-ink">{t("members.direct.ais")}</p>
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
