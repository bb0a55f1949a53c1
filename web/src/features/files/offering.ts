/** Files of the workspace that an `@` may mean: those that were changed lately, and what lies in the folder that is written. */

import { Refused, type Rest, type RoomClient } from "../../connection/types";
import type { WorkspaceEntry } from "../../protocol/api";
import type { RoomState } from "../../room/state";
import { visible } from "../../ui/visible";
import { fitOf } from "../suggesting/matching";
import type { FileHit } from "../suggesting/suggestion";
import { changedSeq, changesOf } from "./changes";
import { isWithin, joined, nameOf, parentOf } from "./paths";
import { sorted } from "./tree";

const MOST = 8;
/** So many stand below the names while nothing is written of any. */
const MOST_UNASKED = 3;
/** Commands change files that the room does not hear of. */
const FRESH_MS = 20_000;

interface Folder {
  readonly seq: number;
  readonly at: number;
  readonly entries: Promise<readonly WorkspaceEntry[]>;
}

const looked = new WeakMap<RoomClient, Map<string, Folder>>();

/** Those that fit, the best first. Who may not see the workspace, or cannot reach it, gets none. */
export async function filesFor(query: string, room: RoomClient, rest: Rest): Promise<readonly FileHit[]> {
  const state = room.state.get();
  if (state === undefined) return [];
  const lately = latelyChanged(state);
  if (query === "") return lately.slice(0, MOST_UNASKED);
  const folder = parentOf(query);
  const here = sorted(await entriesOf(folder, room, changedSeq(state), rest))
    .map(({ name, kind }): FileHit => ({ path: joined(folder, name), isFolder: kind === "folder" }))
    .filter(isPlain);
  const written = nameOf(query);
  if (written === "") return here.slice(0, MOST);
  const all = new Map([...here, ...lately].map((hit) => [hit.path, hit]));
  return [...all.values()]
    .filter((hit) => isWithin(hit.path, folder))
    .map((hit) => ({ hit, fit: fitOf(written, { names: [nameOf(hit.path)] }) }))
    .filter(({ fit }) => fit > 0)
    .sort((one, other) => other.fit - one.fit)
    .slice(0, MOST)
    .map(({ hit }) => hit);
}

/** A name that hides something cannot be written where others read it. */
const isPlain = ({ path }: FileHit) => visible(path) === path;

/** The latest first; what is gone again is not among them. */
function latelyChanged(state: RoomState): readonly FileHit[] {
  const kinds = new Map<string, boolean>();
  for (const { changes, undone } of changesOf(state)) {
    for (const { path, kind } of changes) {
      if (!kinds.has(path)) kinds.set(path, undone === undefined ? kind !== "removed" : kind !== "added");
    }
  }
  const there = [...kinds].filter(([, isThere]) => isThere);
  return there.map(([path]): FileHit => ({ path, isFolder: false })).filter(isPlain);
}

function entriesOf(path: string, room: RoomClient, seq: number, rest: Rest): Promise<readonly WorkspaceEntry[]> {
  const folders = looked.get(room) ?? new Map<string, Folder>();
  looked.set(room, folders);
  const known = folders.get(path);
  if (known !== undefined && known.seq === seq && performance.now() - known.at < FRESH_MS) return known.entries;
  const entries = rest
    .call("GET /api/v1/rooms/{room_id}/workspace", { places: { room_id: room.id }, query: { path } })
    .then((listing) => listing.entries)
    .catch((error: unknown): readonly WorkspaceEntry[] => {
      // A no stays one for a while: not each letter asks again.
      if (error instanceof Refused && error.code === "offline") folders.delete(path);
      return [];
    });
  folders.set(path, { seq, at: performance.now(), entries });
  return entries;
}
