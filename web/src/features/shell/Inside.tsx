/** Whoever is signed in: their connection, and the page on it. */

import { useEffect, useRef, useState } from "react";
import { connectAs } from "../../connection/pageClient";
import type { Client } from "../../connection/types";
import type { Account } from "../../protocol/wire";
import { ClientContext } from "../hooks";
import { keepFor } from "../preferences";
import { forgetTargets } from "../replying";
import { Shell } from "./Shell";

export interface InsideProps {
  readonly me: Account;
  readonly onSignOut: () => Promise<void>;
}

export function Inside({ me, onSignOut }: InsideProps) {
  const [client, setClient] = useState<Client>();
  const account = useRef(me);
  account.current = me;
  useEffect(() => {
    keepFor(account.current.id);
    const made = connectAs(account.current);
    setClient(made);
    return () => {
      made.close();
      forgetTargets();
    };
  }, []);
  if (client === undefined) return null;
  return (
    <ClientContext value={client}>
      <Shell onSignOut={onSignOut} />
    </ClientContext>
  );
}
