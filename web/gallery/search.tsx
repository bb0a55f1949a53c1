/** The search in its states. */

import type { ReactNode } from "react";
import { Refused } from "../src/connection/types";
import { SearchPage } from "../src/features/search/SearchPage";
import { type Answers, fakeClient } from "./fake";
import { DEPLOY, deepSeek, deployRoom, mei, message, SUPPORT, sam, supportRoom } from "./rooms";
import { Scene } from "./Scene";

const found = [
  ...deployRoom().messages.map((one) => ({ room_id: DEPLOY, message: one })),
  ...supportRoom().messages.map((one) => ({ room_id: SUPPORT, message: one })),
  {
    room_id: DEPLOY,
    message: message(
      600,
      sam,
      60 * 24 * 3,
      `${"Long ago somebody asked about this. ".repeat(20)}The fan-out lag was known then.`,
    ),
  },
  {
    room_id: DEPLOY,
    message: message(580, mei, 60 * 24 * 4, "", {
      attachments: [
        {
          id: "f1",
          name: "voice-2026-11-16-0912.webm",
          size: 92_000,
          state: "ready",
          family: "audio",
          transcript: { state: "done", text: "I think the fan-out is what we should look at first." },
        },
      ],
    }),
  },
  {
    room_id: DEPLOY,
    message: message(570, deepSeek, 60 * 24 * 5, "The fan-out writes once for each subscriber.", { turn_id: "t" }),
  },
];

function search(query: string, hits: readonly unknown[] | Refused | undefined) {
  const answers: Answers =
    hits === undefined
      ? {}
      : {
          "GET /api/v1/search": () => {
            if (hits instanceof Refused) throw hits;
            const authors = [...deployRoom().members.values(), ...supportRoom().members.values()];
            return JSON.parse(JSON.stringify({ hits, authors }));
          },
        };
  return () => (
    <Scene as="page" path={`/search${query}`} client={fakeClient({ answers })}>
      <main className="h-dvh bg-app">
        <SearchPage />
      </main>
    </Scene>
  );
}

export const states: Record<string, () => ReactNode> = {
  begin: search("", []),
  found: search(
    "?q=fan-out",
    found.filter((hit) => JSON.stringify(hit).includes("fan-out")),
  ),
  foundChinese: search(
    "?q=发票",
    found.filter((hit) => JSON.stringify(hit).includes("发票")),
  ),
  filtered: search(
    "?q=fan-out&from=mei&has=file",
    found.filter((hit) => JSON.stringify(hit).includes("fan-out")),
  ),
  days: search(
    "?q=fan-out&after=2026-11-01&before=2026-12-01",
    found.filter((hit) => JSON.stringify(hit).includes("fan-out")),
  ),
  nothing: search("?q=zebra", []),
  filteredOut: search(
    "?q=fan-out&from=nobody",
    found.filter((hit) => JSON.stringify(hit).includes("fan-out")),
  ),
  loading: search("?q=fan-out", undefined),
  refused: search("?q=fan-out", new Refused("unavailable", "the database does not answer", 5)),
};
