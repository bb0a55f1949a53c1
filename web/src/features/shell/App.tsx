/** Who am I: then the rooms, or a way in. Everything stands here that there is once in a page. */

import { CloudOff } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { Session } from "../../connection/session";
import type { Client } from "../../connection/types";
import type { Account } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { Spinner } from "../../ui/Spinner";
import { Toaster } from "../../ui/Toast";
import { TooltipLayer } from "../../ui/Tooltip";
import { sentenceOf } from "../answers";
import { ClientContext, useReadable } from "../hooks";
import { Invite } from "../signin/Invite";
import { SignIn } from "../signin/SignIn";
import { forgetSecret, secret } from "../signin/secret";
import { ErrorBoundary, PageBroken } from "./ErrorBoundary";
import { placeAt } from "./routes";

// Asked for while the server says who is there: whoever is not signed in has the way in before it.
const loaded = import("./Shell").then((part) => ({ default: part.Shell }));
// It is waited for below; a failure is told there.
loaded.catch(() => {});
const Shell = lazy(() => loaded);

export interface AppProps {
  readonly session: Session;
  readonly connect: (me: Account) => Client;
}

export function App(props: AppProps) {
  return (
    <ErrorBoundary fallback={(error) => <PageBroken error={error} />}>
      <Who {...props} />
      <Toaster />
      <TooltipLayer />
    </ErrorBoundary>
  );
}

type Answer =
  | { readonly kind: "asking" }
  | { readonly kind: "in"; readonly me: Account }
  | { readonly kind: "out" }
  | { readonly kind: "unreachable"; readonly why: string };

function Who({ session, connect }: AppProps) {
  const [answer, setAnswer] = useState<Answer>({ kind: "asking" });
  const [path, navigate] = useLocation();
  const held = useReadable(secret);
  const place = placeAt(path);

  const ask = useCallback(async () => {
    try {
      const found = await session.whoAmI();
      setAnswer(found === undefined ? { kind: "out" } : { kind: "in", me: found.account });
    } catch (error) {
      setAnswer({ kind: "unreachable", why: sentenceOf(error) });
    }
  }, [session]);
  useEffect(() => void ask(), [ask]);

  const goIn = useCallback(
    (to: string) => {
      forgetSecret();
      setAnswer({ kind: "asking" });
      navigate(to, { replace: true });
      void ask();
    },
    [ask, navigate],
  );
  const goHome = useCallback(() => goIn("/"), [goIn]);

  if (answer.kind === "asking") return <Starting />;
  if (answer.kind === "unreachable") return <Unreachable why={answer.why} onRetry={() => void ask()} />;
  const me = answer.kind === "in" ? answer.me : undefined;
  if (held?.kind === "invite" || place.kind === "join") {
    return (
      <Invite
        session={session}
        code={held?.kind === "invite" ? held.text : undefined}
        me={me}
        onJoined={(roomId) => goIn(`/r/${roomId}`)}
        onLeave={goHome}
      />
    );
  }
  if (held?.kind === "sign-in") {
    return <SignIn session={session} link={held.text} me={me} onSignedIn={goHome} onLinkUsed={forgetSecret} />;
  }
  if (me === undefined || place.kind === "sign-in") {
    // Whoever followed a link into a room is brought there after signing in.
    const to = place.kind === "sign-in" ? "/" : path;
    return <SignIn session={session} onSignedIn={() => goIn(to)} onLinkUsed={forgetSecret} />;
  }
  return (
    <Connected
      key={me.id}
      me={me}
      connect={connect}
      onSignOut={async () => {
        await session.signOut();
        setAnswer({ kind: "out" });
        navigate("/sign-in", { replace: true });
      }}
    />
  );
}

interface ConnectedProps {
  readonly me: Account;
  readonly connect: (me: Account) => Client;
  readonly onSignOut: () => Promise<void>;
}

function Connected({ me, connect, onSignOut }: ConnectedProps) {
  const [client, setClient] = useState<Client>();
  const account = useRef(me);
  account.current = me;
  useEffect(() => {
    const made = connect(account.current);
    setClient(made);
    return () => made.close();
  }, [connect]);
  if (client === undefined) return null;
  return (
    <ClientContext value={client}>
      <Suspense fallback={<Starting />}>
        <Shell onSignOut={onSignOut} />
      </Suspense>
    </ClientContext>
  );
}

function Starting() {
  const { t } = useTranslation();
  return (
    <main role="status" className="flex min-h-dvh items-center justify-center gap-3 bg-app text-small text-ink-2">
      <Spinner size={20} />
      {t("shell.starting")}
    </main>
  );
}

export function Unreachable({ why, onRetry }: { readonly why: string; readonly onRetry: () => void }) {
  const { t } = useTranslation();
  return (
    <main className="flex min-h-dvh items-center justify-center bg-app">
      <EmptyState
        level="h1"
        icon={<CloudOff size={22} />}
        title={t("shell.unreachable.title")}
        actions={
          <Button variant="primary" onClick={onRetry}>
            {t("common.retry")}
          </Button>
        }
      >
        <p>{why}</p>
        <p>{t("shell.unreachable.text")}</p>
      </EmptyState>
    </main>
  );
}
