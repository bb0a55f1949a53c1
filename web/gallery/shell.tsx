/** The frame in its states. */

import type { ReactNode } from "react";
import { Refused } from "../src/connection/types";
import { setMuted, writeDraft } from "../src/features/preferences";
import { Unreachable } from "../src/features/shell/App";
import { PageBroken } from "../src/features/shell/ErrorBoundary";
import { Shell } from "../src/features/shell/Shell";
import { Shortcuts } from "../src/features/shell/Shortcuts";
import { Starting } from "../src/features/shell/Starting";
import { type FakeParts, fakeClient } from "./fake";
import { DEPLOY, deployRoom, FINANCE, RANDOM, rooms, SUPPORT, supportRoom } from "./rooms";
import { Scene } from "./Scene";

const signOut = () => Promise.resolve();

function whole(path: string, parts: FakeParts = {}): () => ReactNode {
  return () => {
    writeDraft(FINANCE, "Numbers for October");
    setMuted(RANDOM, true);
    return (
      <Scene as="page" path={path} client={fakeClient(parts)}>
        <Shell onSignOut={signOut} />
      </Scene>
    );
  };
}

const archived = deployRoom();

export const states: Record<string, () => ReactNode> = {
  room: whole(`/r/${DEPLOY}`),
  roomChinese: whole(`/r/${SUPPORT}`, { states: [supportRoom()] }),
  start: whole("/"),
  firstRoom: whole("/", { rooms: [] }),
  loading: whole(`/r/${DEPLOY}`, { rooms: "loading", states: [], status: { kind: "connecting" } }),
  refused: whole(`/r/${DEPLOY}`, {
    rooms: rooms.slice(1),
    states: [],
    refused: new Refused("forbidden", "you are not a member of this room"),
  }),
  deleted: whole(`/r/${DEPLOY}`, { states: [deployRoom({ isDeleted: true })] }),
  left: whole(`/r/${DEPLOY}`, { states: [deployRoom({ isLeft: true })] }),
  archived: whole(`/r/${DEPLOY}`, {
    states: [{ ...archived, room: { ...archived.room, archived_at: "2026-11-20T12:00:00.000Z" }, turns: new Map() }],
  }),
  notFound: whole("/nowhere"),
  reconnecting: whole(`/r/${DEPLOY}`, {
    status: { kind: "waiting", attempt: 3, retryAt: Date.UTC(2026, 10, 20, 14, 5, 8), isRestart: false },
  }),
  shortcuts: () => (
    <Scene as="page">
      <Shortcuts isOpen onOpenChange={() => {}} />
    </Scene>
  ),
  starting: () => <Starting />,
  broken: () => <PageBroken error={new Error("turn 01KT is not in the room")} />,
  unreachable: () => <Unreachable why="There is no connection." onRetry={() => {}} />,
};
