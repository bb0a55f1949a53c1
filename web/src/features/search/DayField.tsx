/** A day that is searched from or to. It is asked when it is left or Enter is pressed: a year that is being typed is none. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Field, Input } from "../../ui/Field";
import { dayOf, FIRST_DAY } from "./asked";
import { useDraft } from "./useDraft";

export interface DayFieldProps {
  readonly label: string;
  readonly asked: string | undefined;
  readonly onAsk: (day: string | undefined) => void;
}

export function DayField({ label, asked, onAsk }: DayFieldProps) {
  const { t } = useTranslation();
  const [draft, setDraft] = useDraft(asked ?? "");
  const [isWrong, setWrong] = useState(false);
  const commit = (field: HTMLInputElement) => {
    const day = dayOf(field.value);
    // A day of which a part is missing has no value either.
    const isDay = day !== undefined || (field.value === "" && !field.validity.badInput);
    setWrong(!isDay);
    if (isDay && day !== asked) onAsk(day);
  };
  return (
    <Field label={label} error={isWrong ? t("search.noDay") : undefined} className="sm:col-span-3">
      <Input
        type="date"
        min={FIRST_DAY}
        max="9999-12-31"
        value={draft}
        onChange={(event) => {
          setWrong(false);
          setDraft(event.target.value);
        }}
        onBlur={(event) => commit(event.currentTarget)}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit(event.currentTarget);
        }}
      />
    </Field>
  );
}
