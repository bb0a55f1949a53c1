/** Whoever comes back from Supabase: what they bring becomes a sign-in, or it is said why not. */

import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Session } from "../../connection/session";
import { Button } from "../../ui/Button";
import { Waiting } from "./Frame";
import { takeReturn } from "./kept";
import { SupabaseRefused, supabaseSentence } from "./supabaseWords";
import { comeIn, openDoor, supabaseWay } from "./ways";

export type Returned = { readonly code: string } | { readonly refused: string };

export interface ComingBackProps {
  readonly session: Session;
  readonly returned: Returned;
  readonly onSignedIn: (to: string) => void;
  readonly onAgain: () => void;
}

export function ComingBack({ session, returned, onSignedIn, onAgain }: ComingBackProps) {
  const { t } = useTranslation();
  const [refusal, setRefusal] = useState<string>();
  const tried = useRef<Returned>(undefined);
  const key = "code" in returned ? returned.code : returned.refused;
  const latest = useRef({ returned, onSignedIn, onAgain });
  latest.current = { returned, onSignedIn, onAgain };

  useEffect(() => {
    const { returned } = latest.current;
    // A code works once: trying it twice would call a good one wrong.
    if (tried.current !== undefined && keyOf(tried.current) === key) return;
    tried.current = returned;
    setRefusal(undefined);
    const come = async () => {
      if ("refused" in returned) throw new SupabaseRefused(returned.refused, "", false);
      const way = await supabaseWay(session);
      // It was meant for somebody else: here there is no Supabase.
      if (way === undefined) return latest.current.onAgain();
      await comeIn(session, await (await openDoor(way)).byCode(returned.code));
      const { to, invite } = takeReturn();
      if (invite === undefined) latest.current.onSignedIn(to);
      // As if the invitation were opened again, now by somebody who is signed in.
      else window.location.replace(`/join#${invite}`);
    };
    come().catch((error: unknown) => setRefusal(supabaseSentence(error)));
  }, [session, key]);

  if (refusal === undefined) return <Waiting words={t("signin.linkWorks")} />;
  return (
    <div role="alert">
      <h1 className="text-title font-semibold">{t("signin.supabase.refused")}</h1>
      <p className="mt-2 text-small text-ink-2">{refusal}</p>
      <Button variant="primary" className="mt-6 h-10 w-full" onClick={onAgain}>
        {t("signin.supabase.again")}
      </Button>
    </div>
  );
}

function keyOf(returned: Returned): string {
  return "code" in returned ? returned.code : returned.refused;
}
