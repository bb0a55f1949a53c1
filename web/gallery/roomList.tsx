/** The list of rooms in its states. */

import type { ReactNode } from "react";
import { archivedRooms, setMuted, writeDraft } from "../src/features/preferences";
import { NewDirect } from "../src/features/rooms/NewDirect";
import { NewRoom } from "../src/features/rooms/NewRoom";
import { RoomsPane } from "../src/features/rooms/RoomsPane";
import { type FakeParts, fakeClient } from "./fake";
import { DEPLOY, deepSeek, FINANCE, RANDOM, rooms } from "./rooms";
import { Scene } from "./Scene";

function list(parts: FakeParts = {}, prepare: () => void = () => {}): () => ReactNode {
  return () => {
    prepare();
    return (
      <Scene as="page" path={`/r/${DEPLOY}`} client={fakeClient(parts)}>
        <main className="flex h-dvh bg-surface">
          <h1 className="sr-only">Gallery</h1>
          <nav aria-label="Rooms" className="flex w-64 flex-col border-r border-line max-sm:w-full">
            <RoomsPane onSignOut={() => Promise.resolve()} />
          </nav>
        </main>
      </Scene>
    );
  };
}

const nothing = () => {};

export const states: Record<string, () => ReactNode> = {
  all: list({}, () => {
    setMuted(RANDOM, true);
    writeDraft(FINANCE, "Numbers for October");
  }),
  archiveOpen: list({}, () => archivedRooms.choose("open")),
  empty: list({ rooms: [] }),
  loading: list({ rooms: "loading" }),
  long: list({
    rooms: [
      ...rooms,
      ...Array.from({ length: 24 }, (_, place) => ({
        ...(rooms[3] ?? rooms[0]),
        id: `01KTMANY${place}`,
        kind: "room" as const,
        name: place % 3 === 0 ? `a-room-with-a-rather-long-name-${place}` : `team-${place}`,
        topic: "",
        role: "member",
        isArchived: false,
        seq: 1,
        unread: place % 4 === 1 ? place * 9 : 0,
        mentions: place % 8 === 1 ? 120 : 0,
        isAiWorking: place % 6 === 0,
      })),
    ],
  }),
  newRoom: () => (
    <Scene as="page">
      <NewRoom isOpen onOpenChange={nothing} />
    </Scene>
  ),
  newDirect: () => (
    <Scene
      as="page"
      client={fakeClient({
        answers: {
          "GET /api/v1/ai": {
            ais: [
              {
                account_id: deepSeek.id,
                handle: "deepseek",
                name: "DeepSeek",
                provider: "deepseek",
                is_demo: false,
                can_answer: true,
              },
            ],
          },
        },
      })}
    >
      <NewDirect isOpen onOpenChange={nothing} />
    </Scene>
  ),
};
