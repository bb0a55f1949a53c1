/** Who am I: then the rooms, or a way in. Everything stands here that there is once in a page. */

import { CloudOff } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { Session } from "../../connection/session";
import type { Account } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { i18n } from "../../ui/i18n";
import { type LaterOptions, later } from "../../ui/Later";
import { Toaster } from "../../ui/Toast";
import { TooltipLayer } from "../../ui/Tooltip";
import { sentenceOf } from "../answers";
import { useReadable } from "../hooks";
import { isBack, signedOut, staysSignedIn } from "../signin/elsewhere";
import { forgetSecret, secret } from "../signin/secret";
import { ErrorBoundary, PageBroken } from "./ErrorBoundary";
import { cameWithSession } from "./early";
import { placeAt } from "./routes";
import { Starting } from "./Starting";

/** In the place of the whole page. */
const whole: LaterOptions = {
  meanwhile: <Starting />,
  missing: (retry) => <Unreachable why={i18n.t("common.notLoaded")} onRetry={retry} />,
};
// `main.tsx` has asked already for the one that is likely to be needed.
const Inside = later(() => import("./Inside").then((part) => part.Inside), { ...whole, words: ["room"] });
const SignIn = later(() => import("../signin/SignIn").then((part) => part.SignIn), { ...whole, words: ["signin"] });
const Invite = later(() => import("../signin/Invite").then((part) => part.Invite), { ...whole, words: ["signin"] });

export interface AppProps {
  readonly session: Session;
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

function afterOther(before: Answer, me: Account | undefined): Answer {
  if (me === undefined) return before.kind === "in" ? { kind: "out" } : before;
  return before.kind === "in" && before.me.id === me.id ? before : { kind: "in", me };
}

function Who({ session }: AppProps) {
  const [answer, setAnswer] = useState<Answer>({ kind: "asking" });
  const [path, navigate] = useLocation();
  const held = useReadable(secret);
  const place = placeAt(path);

  const ask = useCallback(
    async (isOut = false) => {
      try {
        const known = isOut ? undefined : await session.whoAmI();
        const found = known ?? ((await isBack(session)) ? await session.whoAmI() : undefined);
        setAnswer(found === undefined ? { kind: "out" } : { kind: "in", me: found.account });
      } catch (error) {
        setAnswer({ kind: "unreachable", why: sentenceOf(error) });
      }
    },
    [session],
  );
  useEffect(() => void ask(!cameWithSession()), [ask]);

  const heard = useRef(0);
  const isAtDoor = useRef(false);
  isAtDoor.current = answer.kind === "out" && place.kind === "sign-in" && held === undefined;
  // Another page of this browser signs in or out: this one is of the same person, and learns the new CSRF token.
  useEffect(
    () =>
      session.onElsewhere(() => {
        heard.current += 1;
        const mine = heard.current;
        session.whoAmI().then(
          (found) => {
            // Another one has been heard meanwhile: that one's answer counts.
            if (mine !== heard.current) return;
            setAnswer((before) => afterOther(before, found?.account));
            if (found !== undefined && isAtDoor.current) navigate("/", { replace: true });
          },
          // Whoever cannot be asked now is told by the next refusal.
          () => undefined,
        );
      }),
    [session, navigate],
  );

  const meId = answer.kind === "in" ? answer.me.id : undefined;
  useEffect(() => (meId === undefined ? undefined : staysSignedIn(session, meId)), [session, meId]);

  // Whoever signs in wants to come in.
  const isOut = answer.kind === "out";
  useEffect(() => {
    if (!isOut) return;
    const timer = window.setTimeout(() => void Inside.part.prefetch(), 1_000);
    return () => window.clearTimeout(timer);
  }, [isOut]);

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
  if (held?.kind === "supabase" || held?.kind === "supabase-refused") {
    const returned = held.kind === "supabase" ? { code: held.text } : { refused: held.text };
    return (
      <SignIn session={session} returned={returned} onSignedIn={(to) => goIn(to ?? "/")} onLinkUsed={forgetSecret} />
    );
  }
  if (me === undefined || place.kind === "sign-in") {
    // Whoever followed a link into a room is brought there after signing in.
    const to = place.kind === "sign-in" ? "/" : path;
    return <SignIn session={session} to={to} onSignedIn={() => goIn(to)} onLinkUsed={forgetSecret} />;
  }
  return (
    <Inside
      key={me.id}
      session={session}
      me={me}
      onSignOut={async () => {
        await session.signOut();
        signedOut(session);
        setAnswer({ kind: "out" });
        navigate("/sign-in", { replace: true });
      }}
    />
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
