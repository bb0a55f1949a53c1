/** Questions of an AI to the room: whoever may ask it may answer, once; then the answers stand here for all. */

import { MessageCircleQuestion } from "lucide-react";
import { type FormEvent, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Form, Message, Question } from "../../protocol/wire";
import { isClosed, mayHere } from "../../room/rights";
import { Button } from "../../ui/Button";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/visible";
import { useAct } from "../answers";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";

type Values = Readonly<Record<string, readonly string[]>>;

export function FormCard({ message, form }: { readonly message: Message; readonly form: Form }) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const { run, isBusy } = useAct();
  const [values, setValues] = useState<Values>({});
  const canAnswer = useRoomState(room, (state) => !isClosed(state) && mayHere(state, meId, "ask_ai")) ?? false;
  const isOpen = form.answered_by === undefined;
  const given = (question: Question) => (values[question.id] ?? []).filter((value) => value.trim() !== "");
  const isWhole = form.questions.every((question) => given(question).length > 0);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!isWhole) return;
    void run(() =>
      room.ask({
        type: "answer_form",
        message_id: message.id,
        answers: form.questions.map((question) => ({ question_id: question.id, values: given(question) })),
      }),
    );
  };
  return (
    <form
      onSubmit={send}
      aria-label={t("timeline.questions")}
      className="mt-2 flex max-w-xl flex-col gap-4 rounded-card border border-ai-line bg-ai-soft p-4"
    >
      {form.text !== "" && (
        <p dir="auto" className="flex gap-2 text-body text-ink wrap-anywhere">
          <MessageCircleQuestion aria-hidden="true" size={18} className="mt-0.5 shrink-0 text-ai" />
          {visible(form.text, true)}
        </p>
      )}
      {form.questions.map((question) =>
        isOpen && canAnswer ? (
          <Asked
            key={question.id}
            question={question}
            values={values[question.id] ?? []}
            onChange={(next) => setValues((before) => ({ ...before, [question.id]: next }))}
          />
        ) : (
          <div key={question.id}>
            <p dir="auto" className="text-small font-medium text-ink">
              {visible(question.text, true)}
            </p>
            <p dir="auto" className="text-small whitespace-pre-wrap text-ink-2 wrap-anywhere">
              {isOpen
                ? question.choices.map((choice) => visible(choice)).join(" · ")
                : form.answers
                    .filter((answer) => answer.question_id === question.id)
                    .flatMap((answer) => answer.values)
                    .map((value) => visible(value, true))
                    .join(" · ")}
            </p>
          </div>
        ),
      )}
      {isOpen && canAnswer && (
        <Button type="submit" variant="primary" className="self-start" isBusy={isBusy} disabled={!isWhole}>
          {t("timeline.sendAnswers")}
        </Button>
      )}
      {isOpen && !canAnswer && <p className="text-meta text-ink-3">{t("timeline.mayNotAnswer")}</p>}
      {form.answered_by !== undefined && (
        <p className="text-meta text-ink-3">
          {t("timeline.answeredBy", { who: people.name(form.answered_by) })}{" "}
          {form.answered_at !== undefined && <Time at={form.answered_at} />}
        </p>
      )}
    </form>
  );
}

interface AskedProps {
  readonly question: Question;
  readonly values: readonly string[];
  readonly onChange: (values: readonly string[]) => void;
}

function Asked({ question, values, onChange }: AskedProps) {
  const id = useId();
  const text = visible(question.text, true);
  if (question.kind === "text") {
    return (
      <div className="flex flex-col gap-1.5">
        <label htmlFor={id} dir="auto" className="text-small font-medium text-ink">
          {text}
        </label>
        <textarea
          id={id}
          dir="auto"
          rows={2}
          value={values[0] ?? ""}
          onChange={(event) => onChange([event.target.value])}
          className="w-full resize-y rounded-button border border-line-strong bg-surface px-3 py-2 text-[0.875rem] text-ink pointer-coarse:text-base"
        />
      </div>
    );
  }
  const isOne = question.kind === "one_of";
  const toggle = (choice: string, isOn: boolean) => {
    if (isOne) onChange([choice]);
    else onChange(isOn ? [...values, choice] : values.filter((value) => value !== choice));
  };
  return (
    <fieldset className="flex flex-col gap-1">
      <legend dir="auto" className="mb-1 text-small font-medium text-ink">
        {text}
      </legend>
      {question.choices.map((choice) => (
        <label key={choice} className="flex min-h-8 items-center gap-2.5 text-small text-ink pointer-coarse:min-h-11">
          <input
            type={isOne ? "radio" : "checkbox"}
            name={id}
            checked={values.includes(choice)}
            onChange={(event) => toggle(choice, event.target.checked)}
            className="size-4 shrink-0 accent-accent"
          />
          <span dir="auto">{visible(choice)}</span>
        </label>
      ))}
    </fieldset>
  );
}
