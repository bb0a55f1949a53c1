/** Name and password. Says what the server says when they do not fit. */

import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Field, Input } from "../../ui/Field";
import { sentenceOf } from "../answers";

export interface PasswordFormProps {
  readonly action: string;
  readonly onSubmit: (handle: string, password: string) => Promise<unknown>;
}

export function PasswordForm({ action, onSubmit }: PasswordFormProps) {
  const { t } = useTranslation();
  const [handle, setHandle] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const name = handle.trim().replace(/^@/, "");
    if (name === "" || password === "") {
      setError(t("signin.missing"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      await onSubmit(name, password);
    } catch (refusal) {
      setError(sentenceOf(refusal));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      <Field label={t("signin.handle")}>
        <Input
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={handle}
          placeholder={t("signin.handlePlaceholder")}
          onChange={(event) => setHandle(event.target.value)}
        />
      </Field>
      <Field label={t("signin.password")} error={error}>
        <Input
          name="password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      <Button type="submit" variant="primary" isBusy={isBusy} className="h-10 w-full">
        {action}
      </Button>
    </form>
  );
}
