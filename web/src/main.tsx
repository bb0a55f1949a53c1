/** Starts the page: the nonce, the link's secret, the language, then who is there. */

import "./ui/tokens.css";
import { setNonce } from "get-nonce";
import { get, set } from "idb-keyval";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { connect } from "./connection/client";
import { session } from "./connection/session";
import type { Client } from "./connection/types";
import { applyPreferences } from "./features/preferences";
import { App } from "./features/shell/App";
import { takeSecrets } from "./features/signin/secret";
import type { Account } from "./protocol/wire";
import type { Pending } from "./room/state";
import { chosenLanguage, show } from "./ui/i18n";

function nonceOfPage(): void {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
  const nonce = meta?.nonce || meta?.getAttribute("nonce");
  if (nonce) setNonce(nonce);
}

/** What is not sent yet is kept for each account by itself. */
function connectAs(me: Account): Client {
  const key = `outbox ${me.id}`;
  return connect({
    rest: session.rest,
    me,
    store: {
      load: async () => (await get<readonly Pending[]>(key)) ?? [],
      save: (items) => set(key, items),
    },
    now: Date.now,
    schedule: (run) => {
      requestAnimationFrame(run);
    },
  });
}

async function start(): Promise<void> {
  // First of all: a secret does not stay in the address while anything else is loaded.
  takeSecrets();
  nonceOfPage();
  applyPreferences(document.documentElement);
  await show(chosenLanguage());
  const root = document.getElementById("root");
  if (root === null) throw new Error("there is no root in the page");
  createRoot(root).render(
    <StrictMode>
      <App session={session} connect={connectAs} />
    </StrictMode>,
  );
}

void start();
