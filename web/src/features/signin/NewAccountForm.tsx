/** Makes the account that an invitation lets in. */

import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import type { NewcomersAccount } from "../../connection/session";
import { Refused } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Field, Input } from "../../ui/Field";
import { sentenceOf } from "../answers";
import { suggestedHandle } from "./suggestedHandle";

const HANDLE = /^[a-z0-9][a-z0-9_.-]{1,31}$/;
const LEAST_PASSWORD = 8;

interface Wrong {
  readonly handle?: string;
  readonly password?: string;
  readonly whole?: string;
}

export function NewAccountForm({ onSubmit }: { readonly onSubmit: (account: NewcomersAccount) => Promise<unknown> }) {
  const { t } = useTranslation();
  const [displayName, setDisplayName] = useState("");
  /** undefined: not touched yet. */
  const [ownHandle, setOwnHandle] = useState<string>();
  const handle = ownHandle ?? suggestedHandle(displayName);
  const [password, setPassword] = useState("");
  const [wrong, setWrong] = useState<Wrong>({});
  const [isBusy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const name = handle.trim().replace(/^@/, "").toLowerCase();
    const found: Wrong = {
      ...(HANDLE.test(name) ? {} : { handle: t("signin.invite.handleWrong") }),
      ...([...password].length < LEAST_PASSWORD ? { password: t("signin.invite.passwordShort") } : {}),
    };
    setWrong(found);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      await onSubmit({ handle: name, password, displayName: displayName.trim() });
    } catch (error) {
      const sentence = sentenceOf(error);
      // A name that is taken is the name's matter; the rest is said of the whole.
      setWrong(error instanceof Refused && error.code === "conflict" ? { handle: sentence } : { whole: sentence });
    } finally {
      setBusy(false);
    }
  };

  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      <Field label={`${t("signin.invite.displayName")} (${t("common.optional")})`}>
        <Input
          dir="auto"
          name="name"
          autoComplete="name"
          value={displayName}
          placeholder={t("signin.invite.displayNamePlaceholder")}
          onChange={(event) => setDisplayName(event.target.value)}
        />
      </Field>
      <Field label={t("signin.invite.handle")} hint={t("signin.invite.handleHint")} error={wrong.handle}>
        <Input
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={handle}
          onChange={(event) => setOwnHandle(event.target.value)}
        />
      </Field>
      {/* What is wrong with it is what the hint says. */}
      <Field
        label={t("signin.invite.password")}
        hint={wrong.password === undefined ? t("signin.invite.passwordHint") : undefined}
        error={wrong.password}
      >
        <Input
          name="new-password"
          type="password"
          autoComplete="new-password"
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      {wrong.whole !== undefined && (
        <p role="alert" className="text-small text-danger">
          {wrong.whole}
        </p>
      )}
      <Button type="submit" variant="primary" isBusy={isBusy} className="h-10 w-full">
        {t("signin.invite.join")}
      </Button>
    </form>
  );
}
