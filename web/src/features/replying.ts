/** What the composer of a room is to do, said from elsewhere: answer a message, or say something to a running turn. */

import { create } from "zustand";
import { isTouched } from "../ui/touch";

export interface Target {
  readonly kind: "reply" | "steer";
  /** A message's id for a reply, a turn's for steering. */
  readonly id: string;
}

interface Targets {
  readonly by: ReadonlyMap<string, Target>;
  /** Moves with each request, so that the same one again brings the focus back. */
  readonly asked: number;
  /** The message that is edited in its place, by room or thread. */
  readonly editing: ReadonlyMap<string, string>;
  /** The room whose composer is to have the focus as soon as it is there. */
  readonly wanted: string | undefined;
}

const useTargets = create<Targets>(() => ({ by: new Map(), asked: 0, editing: new Map(), wanted: undefined }));

/** One composer stands under a room, another in each thread. */
const place = (roomId: string, threadRoot?: string) => (threadRoot === undefined ? roomId : `${roomId}/${threadRoot}`);

/** `isQuiet`: the focus stays where it is. */
export function aimComposer(
  roomId: string,
  threadRoot: string | undefined,
  target: Target | undefined,
  isQuiet = target === undefined,
): void {
  useTargets.setState(({ by, asked }) => {
    const next = new Map(by);
    if (target === undefined) next.delete(place(roomId, threadRoot));
    else next.set(place(roomId, threadRoot), target);
    return { by: next, asked: isQuiet ? asked : asked + 1 };
  });
}

/** Whoever comes next to this page begins with none. */
export function forgetTargets(): void {
  useTargets.setState({ by: new Map(), editing: new Map(), wanted: undefined });
}

export function composerTarget(roomId: string, threadRoot?: string): Target | undefined {
  return useTargets.getState().by.get(place(roomId, threadRoot));
}

export function useComposerTarget(roomId: string, threadRoot?: string): Target | undefined {
  return useTargets(({ by }) => by.get(place(roomId, threadRoot)));
}

/** Changes whenever a composer is aimed: the composer that has a target takes the focus then. */
export function useAimed(): number {
  return useTargets(({ asked }) => asked);
}

/** A room was opened to write in it. Where a finger does that, a keyboard would come up over the room. */
export function focusComposer(roomId: string): void {
  if (isTouched()) return;
  useTargets.setState({ wanted: roomId });
  // Whoever points at something else before the field is there means that.
  window.addEventListener("pointerdown", takeFocus, { capture: true, once: true });
}

/** The room whose composer is to have the focus: that takes it by `takeFocus`. */
export function useFocusWanted(): string | undefined {
  return useTargets(({ wanted }) => wanted);
}

/** True once. */
export function takeFocus(): boolean {
  const isWanted = useTargets.getState().wanted !== undefined;
  useTargets.setState({ wanted: undefined });
  window.removeEventListener("pointerdown", takeFocus, true);
  return isWanted;
}

/** Opens a message of ours for editing where it was asked for: a thread shows messages that the room shows too. */
export function editMessage(roomId: string, threadRoot: string | undefined, messageId: string): void {
  useTargets.setState(({ editing }) => ({ editing: new Map(editing).set(place(roomId, threadRoot), messageId) }));
}

/** Ends that, unless another message is edited there by now. */
export function endEditing(roomId: string, threadRoot: string | undefined, messageId: string): void {
  useTargets.setState(({ editing }) => {
    if (editing.get(place(roomId, threadRoot)) !== messageId) return {};
    const next = new Map(editing);
    next.delete(place(roomId, threadRoot));
    return { editing: next };
  });
}

/** Whether this message is the one that is edited here; its row alone is painted anew. */
export function useIsEdited(roomId: string, threadRoot: string | undefined, messageId: string): boolean {
  return useTargets(({ editing }) => editing.get(place(roomId, threadRoot)) === messageId);
}

/** The message that is edited here. */
export function useEdited(roomId: string, threadRoot: string | undefined): string | undefined {
  return useTargets(({ editing }) => editing.get(place(roomId, threadRoot)));
}
