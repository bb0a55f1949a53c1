/** Signing in: by a one-time link, which asks nothing, or by handle and password. */

import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Session } from "../../connection/session";
import { Refused } from "../../connection/types";
import type { Account } from "../../protocol/wire";
import { Button } from "../../ui/Button";
import { sentenceOf } from "../answers";
import { ComingBack, type Returned } from "./ComingBack";
import { Frame, Waiting } from "./Frame";
import { PasswordForm } from "./PasswordForm";
import { WithSupabase } from "./WithSupabase";

export interface SignInProps {
  readonly session: Session;
  /** Of a one-time link. */
  readonly link?: string | undefined;
  /** What Supabase led back with. */
  readonly returned?: Returned | undefined;
  /** Where whoever leaves to sign in elsewhere is brought afterwards. */
  readonly to?: string | undefined;
  /** Who is signed in already, while the link is tried. */
  readonly me?: Account | undefined;
  /** `to`: they had wanted to go there before they left. */
  readonly onSignedIn: (to?: string) => void;
  readonly onLinkUsed: () => void;
}

export function SignIn({ session, link, returned, to = "/", me, onSignedIn, onLinkUsed }: SignInProps) {
  const { t } = useTranslation();
  const [refusal, setRefusal] = useState<"expired" | string>();
  const tried = useRef<string>(undefined);

  useEffect(() => {
    // A link works once: trying it twice would call a good one expired.
    if (link === undefined || tried.current === link) return;
    tried.current = link;
    setRefusal(undefined);
    const done = () => onSignedIn();
    session.signInByLink(link).then(done, (error: unknown) => {
      const isGone = error instanceof Refused && (error.status === 401 || error.code === "expired");
      setRefusal(isGone ? "expired" : sentenceOf(error));
    });
  }, [link, session, onSignedIn]);

  if (link !== undefined) {
    return (
      <Frame>
        {refusal === undefined && <Waiting words={t("signin.linkWorks")} />}
        {refusal !== undefined && (
          <LinkRefused
            sentence={refusal === "expired" ? undefined : refusal}
            me={me}
            onPassword={onLinkUsed}
            onStay={() => onSignedIn()}
          />
        )}
      </Frame>
    );
  }
  if (returned !== undefined) {
    return (
      <Frame>
        <ComingBack session={session} returned={returned} onSignedIn={onSignedIn} onAgain={onLinkUsed} />
      </Frame>
    );
  }
  return (
    <Frame>
      <h1 className="mb-5 text-title font-semibold">{t("signin.title")}</h1>
      <WithSupabase session={session} back={{ to }} onSignedIn={() => onSignedIn()}>
        <PasswordForm
          action={t("signin.submit")}
          onSubmit={async (handle, password) => {
            await session.signInByPassword(handle, password);
            onSignedIn();
          }}
        />
      </WithSupabase>
      <p className="mt-5 border-t border-line pt-4 text-meta text-ink-3">{t("signin.byLink")}</p>
    </Frame>
  );
}

interface LinkRefusedProps {
  /** Where it is something else than an old link. */
  readonly sentence: string | undefined;
  readonly me: Account | undefined;
  readonly onPassword: () => void;
  readonly onStay: () => void;
}

function LinkRefused({ sentence, me, onPassword, onStay }: LinkRefusedProps) {
  const { t } = useTranslation();
  return (
    <div role="alert">
      <h1 className="text-title font-semibold">{t("signin.linkExpired.title")}</h1>
      <p className="mt-2 text-small text-ink-2">{sentence ?? t("signin.linkExpired.text")}</p>
      <div className="mt-6 flex flex-col gap-2">
        {me !== undefined && (
          <Button variant="primary" onClick={onStay} className="h-10">
            <span className="truncate">{t("signin.linkExpired.stay", { name: me.display_name })}</span>
          </Button>
        )}
        <Button variant={me === undefined ? "primary" : "secondary"} onClick={onPassword} className="h-10">
          {t("signin.linkExpired.again")}
        </Button>
      </div>
    </div>
  );
}
