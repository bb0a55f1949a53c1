/** What stands around one state: a client, an address, room to be seen. */

import { type ReactNode, useState } from "react";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import type { Client } from "../src/connection/types";
import { ClientContext } from "../src/features/hooks";
import { fakeClient } from "./fake";
import { DEPLOY } from "./rooms";

export interface SceneProps {
  readonly client?: Client;
  /** As `/r/…?pane=files`. */
  readonly path?: string;
  /** How it stands in the page: on a card in its middle, at the width of a pane, of the timeline, or as the whole page. */
  readonly as?: "card" | "pane" | "timeline" | "page";
  readonly children: ReactNode;
}

const frames = {
  card: "mx-auto mt-10 w-full max-w-md rounded-card border border-line bg-surface p-6",
  pane: "mx-auto flex h-dvh w-full max-w-80 flex-col overflow-y-auto border-x border-line bg-sunken",
  timeline: "mx-auto flex min-h-dvh w-full max-w-4xl flex-col bg-surface px-4 py-6",
} as const;

export function Scene({ client, path = `/r/${DEPLOY}`, as = "card", children }: SceneProps) {
  const [given] = useState(() => client ?? fakeClient());
  const [{ hook, searchHook }] = useState(() => memoryLocation({ path }));
  return (
    <ClientContext value={given}>
      <Router hook={hook} searchHook={searchHook}>
        {as === "page" ? (
          children
        ) : (
          <main className="min-h-dvh bg-app">
            <h1 className="sr-only">Gallery</h1>
            {as === "pane" && <h2 className="sr-only">{as}</h2>}
            <div className={frames[as]}>{children}</div>
          </main>
        )}
      </Router>
    </ClientContext>
  );
}
