/** Who changed files of the workspace, from what the room knows: each turn of an AI, and each change by hand. */

import type { FileChange, FilesChanged, TurnUndone } from "../../protocol/wire";
import type { RoomState, ToolCall } from "../../room/state";

export interface ChangeEntry {
  readonly id: string;
  readonly seq: number;
  readonly at: string;
  /** Of an AI's turn; undefined: somebody changed it by hand. */
  readonly turnId: string | undefined;
  readonly actorId: string;
  readonly askers: readonly string[];
  readonly changes: readonly FileChange[];
  readonly more: number;
  /** What became of undoing it, if that was tried. */
  readonly undone: TurnUndone | undefined;
  /** Between which states of the workspace it lies; of a turn, those of its first and last call. */
  readonly before: string;
  readonly after: string;
}

/** The latest first. */
export function changesOf(state: Pick<RoomState, "calls" | "notices">): readonly ChangeEntry[] {
  const byTurn = new Map<string, FilesChanged[]>();
  const askers = new Map<string, readonly string[]>();
  const undone = new Map<string, TurnUndone>();
  const entries: ChangeEntry[] = [];
  const note = (call: ToolCall) => {
    if (call.undone !== undefined) undone.set(call.turnId, call.undone);
    if (call.changed === undefined) return;
    byTurn.set(call.turnId, [...(byTurn.get(call.turnId) ?? []), call.changed]);
    askers.set(call.turnId, call.askers);
  };
  for (const call of state.calls.values()) note(call);
  for (const event of state.notices) {
    if (event.type === "turn_undone") undone.set(event.turn_id, event);
    if (event.type !== "files_changed") continue;
    if (event.turn_id === undefined) entries.push(entryOf(event.id, [event], [], undefined));
    else byTurn.set(event.turn_id, [...(byTurn.get(event.turn_id) ?? []), event]);
  }
  for (const [turnId, events] of byTurn) {
    entries.push(entryOf(turnId, events, askers.get(turnId) ?? events[0]?.asked_by ?? [], undone.get(turnId)));
  }
  return entries.sort((one, other) => other.seq - one.seq);
}

function entryOf(
  id: string,
  events: readonly FilesChanged[],
  askers: readonly string[],
  undone: TurnUndone | undefined,
): ChangeEntry {
  const ordered = [...events].sort((one, other) => one.seq - other.seq);
  const first = ordered[0];
  const last = ordered.at(-1);
  return {
    id,
    seq: last?.seq ?? 0,
    at: last?.at ?? "",
    turnId: first?.turn_id,
    actorId: last?.actor_id ?? "",
    askers,
    changes: merged(ordered.flatMap((event) => event.changes)),
    more: ordered.reduce((sum, event) => sum + (event.more ?? 0), 0),
    undone,
    before: first?.before ?? "",
    after: last?.after ?? "",
  };
}

/** One row a path: several calls of a turn may have changed the same file. */
export function merged(changes: readonly FileChange[]): readonly FileChange[] {
  const byPath = new Map<string, FileChange>();
  for (const change of changes) {
    const earlier = byPath.get(change.path);
    if (earlier === undefined) byPath.set(change.path, change);
    // What was made and taken away again is as it was.
    else if (earlier.kind === "added" && change.kind === "removed") byPath.delete(change.path);
    else byPath.set(change.path, together(earlier, change));
  }
  return [...byPath.values()];
}

function together(earlier: FileChange, later: FileChange): FileChange {
  const kind =
    earlier.kind === "added" ? "added" : earlier.kind === "removed" && later.kind === "added" ? "changed" : later.kind;
  const { before: _, ...rest } = later;
  return {
    ...rest,
    ...(earlier.before === undefined ? {} : { before: earlier.before }),
    kind,
    added_lines: (earlier.added_lines ?? 0) + (later.added_lines ?? 0),
    removed_lines: (earlier.removed_lines ?? 0) + (later.removed_lines ?? 0),
  };
}

/** Rises whenever files are not as they were: who shows them looks again. */
export function changedSeq(state: Pick<RoomState, "calls" | "notices">): number {
  let seq = 0;
  for (const call of state.calls.values()) {
    seq = Math.max(seq, call.changed?.seq ?? 0, call.undone?.seq ?? 0);
  }
  for (const event of state.notices) {
    if (event.type === "files_changed" || event.type === "turn_undone") seq = Math.max(seq, event.seq);
  }
  return seq;
}
