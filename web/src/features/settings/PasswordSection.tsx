/** Sets the password of whoever is signed in. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Field, Input } from "../../ui/Field";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { useClient, useMe } from "../hooks";
import { Refusal } from "../sections";
import { Block } from "./layout";

export function PasswordSection() {
  const { t } = useTranslation();
  const { rest } = useClient();
  const me = useMe();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const isOther = again !== "" && again !== next;
  const save = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await rest.call("PUT /api/v1/me/password", { body: current === "" ? { new: next } : { new: next, current } });
      setCurrent("");
      setNext("");
      setAgain("");
      toast(t("settings.passwordSet"), { tone: "ok" });
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Block title={t("settings.password")} hint={t("settings.passwordHint")}>
      <form
        className="flex max-w-sm flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isOther && next !== "" && again !== "") void save();
        }}
      >
        {/* For password managers: whose password it is. */}
        <input type="text" autoComplete="username" value={me.handle} readOnly hidden />
        <Field label={t("settings.currentPassword")} hint={t("settings.currentPasswordHint")}>
          <Input
            type="password"
            autoComplete="current-password"
            value={current}
            onChange={(event) => setCurrent(event.target.value)}
          />
        </Field>
        <Field label={t("settings.newPassword")}>
          <Input
            type="password"
            autoComplete="new-password"
            value={next}
            onChange={(event) => setNext(event.target.value)}
          />
        </Field>
        <Field label={t("settings.newPasswordAgain")} error={isOther ? t("settings.notTheSame") : undefined}>
          <Input
            type="password"
            autoComplete="new-password"
            value={again}
            onChange={(event) => setAgain(event.target.value)}
          />
        </Field>
        {refusal !== undefined && <Refusal text={refusal} />}
        <Button
          type="submit"
          variant="primary"
          className="self-start"
          isBusy={isBusy}
          disabled={next === "" || again === "" || isOther}
        >
          {t("settings.setPassword")}
        </Button>
      </form>
    </Block>
  );
}
