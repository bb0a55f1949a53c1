/** What the composer of a room is to do, said from elsewhere: answer a message, or say something to a running turn. */

import { create } from "zustand";

export interface Target {
  readonly kind: "reply" | "steer";
  /** A message's id for a reply, a turn's for steering. */
  readonly id: string;
}

interface Targets {
  readonly by: ReadonlyMap<string, Target>;
  /** Moves with each request, so that the same one again brings the focus back. */
  readonly asked: number;
  /** The message that is edited in its place, by room. */
  readonly editing: ReadonlyMap<string, string>;
}

const useTargets = create<Targets>(() => ({ by: new Map(), asked: 0, editing: new Map() }));

/** One composer stands under a room, another in each thread. */
const place = (roomId: string, threadRoot?: string) => (threadRoot === undefined ? roomId : `${roomId}/${threadRoot}`);

export function aimComposer(roomId: string, threadRoot: string | undefined, target: Target | undefined): void {
  useTargets.setState(({ by, asked }) => {
    const next = new Map(by);
    if (target === undefined) next.delete(place(roomId, threadRoot));
    else next.set(place(roomId, threadRoot), target);
    return { by: next, asked: target === undefined ? asked : asked + 1 };
  });
}

/** Whoever comes next to this page begins with none. */
export function forgetTargets(): void {
  useTargets.setState({ by: new Map(), editing: new Map() });
}

export function useComposerTarget(roomId: string, threadRoot?: string): Target | undefined {
  return useTargets(({ by }) => by.get(place(roomId, threadRoot)));
}

/** Changes whenever a composer is aimed: the composer that has a target takes the focus then. */
export function useAimed(): number {
  return useTargets(({ asked }) => asked);
}

/** Opens a message of ours for editing, where it stands; undefined ends it. */
export function editMessage(roomId: string, messageId: string | undefined): void {
  useTargets.setState(({ editing }) => {
    const next = new Map(editing);
    if (messageId === undefined) next.delete(roomId);
    else next.set(roomId, messageId);
    return { editing: next };
  });
}

export function useEdited(roomId: string): string | undefined {
  return useTargets(({ editing }) => editing.get(roomId));
}

/** Whether this message is the one that is edited; its row alone is painted anew. */
export function useIsEdited(roomId: string, messageId: string): boolean {
  return useTargets(({ editing }) => editing.get(roomId) === messageId);
}
