/** Beside a form for names and passwords, what a Supabase project offers: e-mail, one-time links, providers. */

import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Session } from "../../connection/session";
import type { SessionMade, SupabaseWay } from "../../protocol/api";
import { Button } from "../../ui/Button";
import { Field, Input } from "../../ui/Field";
import { type Return, rememberReturn } from "./kept";
import { providerName, supabaseSentence } from "./supabaseWords";
import { comeIn, openDoor, useSupabaseWay } from "./ways";

export interface WithSupabaseProps {
  readonly session: Session;
  /** Where whoever leaves this page to sign in is brought afterwards. */
  readonly back: Return;
  /** What is shown as long as nobody has chosen Supabase. */
  readonly children: ReactNode;
  readonly onSignedIn: (made: SessionMade) => unknown;
}

export function WithSupabase({ session, back, children, onSignedIn }: WithSupabaseProps) {
  const { t } = useTranslation();
  const way = useSupabaseWay(session);
  const [isByEmail, setByEmail] = useState(false);
  if (!way) return children;
  const providers = way.ways.filter((one) => !ofEmail.has(one));
  if (isByEmail) {
    return (
      <>
        <EmailForm
          way={way}
          back={back}
          onToken={async (token) => {
            await onSignedIn(await comeIn(session, token));
          }}
        />
        <Button variant="ghost" className="mt-2 h-10 w-full" onClick={() => setByEmail(false)}>
          {t("signin.supabase.back")}
        </Button>
      </>
    );
  }
  return (
    <>
      {children}
      <div className="my-4 flex items-center gap-3 text-meta text-ink-3">
        <span aria-hidden="true" className="h-px flex-1 bg-line" />
        {t("signin.supabase.or")}
        <span aria-hidden="true" className="h-px flex-1 bg-line" />
      </div>
      <div className="flex flex-col gap-2">
        {providers.length > 0 && <Providers way={way} providers={providers} back={back} />}
        {way.ways.some((one) => ofEmail.has(one)) && (
          <Button className="h-10 w-full" onClick={() => setByEmail(true)}>
            {t("signin.supabase.open")}
          </Button>
        )}
      </div>
    </>
  );
}

const ofEmail: ReadonlySet<string> = new Set(["password", "magic_link"]);

interface ProvidersProps {
  readonly way: SupabaseWay;
  readonly providers: readonly string[];
  readonly back: Return;
}

function Providers({ way, providers, back }: ProvidersProps) {
  const { t } = useTranslation();
  const [leavingFor, setLeavingFor] = useState<string>();
  const [error, setError] = useState<string>();
  const leave = async (provider: string) => {
    setError(undefined);
    setLeavingFor(provider);
    try {
      const address = await (await openDoor(way)).addressOf(provider);
      rememberReturn(back);
      window.location.assign(address);
    } catch (refusal) {
      setError(supabaseSentence(refusal));
      setLeavingFor(undefined);
    }
  };
  return (
    <>
      {error !== undefined && (
        <p role="alert" className="text-small text-danger">
          {error}
        </p>
      )}
      {providers.map((provider) => (
        <Button
          key={provider}
          className="h-10 w-full"
          isBusy={leavingFor === provider}
          onClick={() => void leave(provider)}
        >
          {t("signin.supabase.with", { name: providerName(provider) })}
        </Button>
      ))}
    </>
  );
}

interface EmailFormProps {
  readonly way: SupabaseWay;
  readonly back: Return;
  readonly onToken: (token: string) => Promise<unknown>;
}

function EmailForm({ way, back, onToken }: EmailFormProps) {
  const { t } = useTranslation();
  const hasPassword = way.ways.includes("password");
  const hasLink = way.ways.includes("magic_link");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string>();
  const [busyWith, setBusyWith] = useState<"password" | "link">();
  const [sentTo, setSentTo] = useState<string>();

  const act = async (by: "password" | "link") => {
    const to = email.trim();
    setSentTo(undefined);
    if (to === "" || (by === "password" && password === "")) {
      setError(t(by === "password" ? "signin.supabase.missing" : "signin.supabase.missingEmail"));
      return;
    }
    setError(undefined);
    setBusyWith(by);
    try {
      const door = await openDoor(way);
      if (by === "password") {
        await onToken(await door.byPassword(to, password));
      } else {
        await door.sendLink(to);
        rememberReturn(back);
        setSentTo(to);
      }
    } catch (refusal) {
      setError(supabaseSentence(refusal));
    } finally {
      setBusyWith(undefined);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void act(hasPassword ? "password" : "link");
  };

  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t("signin.supabase.email")} error={hasPassword ? undefined : error}>
        <Input
          type="email"
          name="email"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
      </Field>
      {hasPassword && (
        <Field label={t("signin.password")} error={error}>
          <Input
            name="password"
            type="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </Field>
      )}
      {hasPassword && (
        <Button type="submit" variant="primary" isBusy={busyWith === "password"} className="h-10 w-full">
          {t("signin.submit")}
        </Button>
      )}
      {hasLink && (
        <Button
          type={hasPassword ? "button" : "submit"}
          variant={hasPassword ? "secondary" : "primary"}
          isBusy={busyWith === "link"}
          className="h-10 w-full"
          onClick={hasPassword ? () => void act("link") : undefined}
        >
          {t("signin.supabase.sendLink")}
        </Button>
      )}
      <p role="status" className="text-small text-ink-2 empty:hidden">
        {sentTo !== undefined && t("signin.supabase.linkSent", { email: sentTo })}
      </p>
    </form>
  );
}
