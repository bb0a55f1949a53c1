/** The state of a room as a snapshot tells it. */

import type { Snapshot } from "../protocol/wire";
import { openCalls } from "./calls";
import type { RoomState } from "./state";

/** Of what happened before it tells the last messages alone: `withHistory` brings the rest of their span. */
export function fromSnapshot(snapshot: Snapshot, epoch: string): RoomState {
  return {
    id: snapshot.room.id,
    epoch,
    seq: snapshot.seq,
    room: snapshot.room,
    members: new Map(snapshot.members.map((member) => [member.account_id, member])),
    gone: new Map(),
    banned: new Set(snapshot.banned),
    messages: snapshot.messages,
    oldestSeq: snapshot.seq,
    hasOlder: snapshot.has_older,
    pins: snapshot.pins,
    turns: new Map(snapshot.turns.map((turn) => [turn.turn_id, { ...turn, text: "", text_index: 0, cards: [] }])),
    ended: new Map(),
    calls: new Map(snapshot.turns.flatMap((turn) => openCalls(turn, snapshot.seq)).map((call) => [call.key, call])),
    notices: [],
    missed: [],
    stopping: new Map(),
    summary: snapshot.summary,
    facts: snapshot.facts,
    proposals: snapshot.proposals,
    budget: snapshot.budget,
    online: new Set(snapshot.online),
    typing: new Set(),
    read: snapshot.read,
    readBefore: snapshot.read,
    isDeleted: false,
    isLeft: false,
  };
}
