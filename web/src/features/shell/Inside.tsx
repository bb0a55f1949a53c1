/** Whoever is signed in: their connection, and the page on it. */

import { startTransition, useEffect, useRef, useState } from "react";
import { connectAs } from "../../connection/pageClient";
import type { Session } from "../../connection/session";
import type { Client } from "../../connection/types";
import type { Account } from "../../protocol/wire";
import { ClientContext } from "../hooks";
import { keepFor } from "../preferences";
import { forgetTargets } from "../replying";
import { Shell } from "./Shell";
import { Starting } from "./Starting";

export interface InsideProps {
  readonly session: Session;
  readonly me: Account;
  readonly onSignOut: () => Promise<void>;
}

export function Inside({ session, me, onSignOut }: InsideProps) {
  const [client, setClient] = useState<Client>();
  const account = useRef(me);
  account.current = me;
  useEffect(() => {
    keepFor(account.current.id);
    const made = connectAs(account.current);
    // Painted piece by piece: the first painting of all that a room is made of is a long one.
    startTransition(() => setClient(made));
    // Whoever has signed in anew in another page is in again here, too.
    const deaf = session.onElsewhere(() => {
      if (made.status.get().kind === "ended") made.reconnectNow();
    });
    return () => {
      deaf();
      made.close();
      forgetTargets();
    };
  }, [session]);
  if (client === undefined) return <Starting />;
  return (
    <ClientContext value={client}>
      <Shell onSignOut={onSignOut} />
    </ClientContext>
  );
}
