/** The rooms of this account, each as far as it has moved: asked for, then kept true by what is told. */

import type { RoomListing } from "../protocol/api";
import type { RoomActivity } from "../protocol/wire";
import { needsApproval } from "../room/calls";
import { Changing } from "../room/readable";
import type { RoomState } from "../room/state";
import { Backoff } from "./backoff";
import { askedMs } from "./refusals";
import { Refused, type Rest, type RoomEntry } from "./types";

export interface RoomListParts {
  readonly rest: Rest;
  readonly meId: string;
  readonly random: () => number;
  /** What is open knows better. */
  readonly stateOf: (roomId: string) => RoomState | undefined;
  readonly onLoaded: (rooms: ReadonlyMap<string, RoomEntry>) => void;
}

export class RoomList {
  readonly rooms = new Changing<ReadonlyMap<string, RoomEntry> | undefined>(undefined);
  private readonly backoff: Backoff;
  private isLoading = false;
  private isAskedAgain = false;
  private isClosed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Rooms of which something was told while the list was on its way: the list may be older. */
  private readonly toldMeanwhile = new Map<string, RoomEntry>();

  constructor(private readonly parts: RoomListParts) {
    this.backoff = new Backoff(parts.random);
  }

  /** Asks for the whole list; one request at a time, and one more if something changed during it. */
  load(): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    if (this.isLoading) {
      this.isAskedAgain = true;
      return;
    }
    this.isLoading = true;
    this.toldMeanwhile.clear();
    void this.ask().finally(() => {
      this.isLoading = false;
      if (!this.isAskedAgain) return;
      this.isAskedAgain = false;
      this.load();
    });
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  /** A room that is not open stands otherwise than before. */
  activity(line: RoomActivity): void {
    if (!this.rooms.get()?.has(line.room_id)) {
      // Somebody took us in, or the list is still on its way: it has the room.
      this.load();
      return;
    }
    this.change(line.room_id, (entry) => {
      // The list was read after this was said.
      if (line.seq < entry.seq) return entry;
      return {
        ...entry,
        name: line.name ?? entry.name,
        topic: line.topic ?? entry.topic,
        isArchived: line.is_archived ?? entry.isArchived,
        seq: line.seq,
        unread: line.unread,
        mentions: line.mentions,
        isAiWorking: line.is_ai_working,
        needsApproval: line.needs_approval,
      };
    });
  }

  /** A room that is not open was read elsewhere. */
  readElsewhere(roomId: string, seq: number): void {
    const entry = this.rooms.get()?.get(roomId);
    if (entry === undefined || (entry.unread === 0 && entry.mentions === 0)) return;
    if (seq >= entry.seq) {
      this.change(roomId, (known) => ({ ...known, unread: 0, mentions: 0 }));
      return;
    }
    const places = { room_id: roomId };
    void this.parts.rest.call("GET /api/v1/rooms/{room_id}/unread", { places }).then(
      (read) => this.change(roomId, (known) => ({ ...known, unread: read.unread, mentions: read.mentions })),
      () => undefined,
    );
  }

  /** An open room is as it is. */
  follow(state: RoomState): void {
    this.change(state.id, (entry) => withState(entry, state, this.parts.meId));
  }

  remove(roomId: string): void {
    const known = this.rooms.get();
    if (!known?.has(roomId)) return;
    const rooms = new Map(known);
    rooms.delete(roomId);
    this.rooms.set(rooms);
  }

  private async ask(): Promise<void> {
    try {
      const { rooms } = await this.parts.rest.call("GET /api/v1/rooms");
      if (this.isClosed) return;
      this.backoff.reset();
      const entries = new Map<string, RoomEntry>();
      for (const listing of rooms) entries.set(listing.room.id, this.entryOf(listing));
      this.rooms.set(entries);
      this.parts.onLoaded(entries);
    } catch (error) {
      if (this.isClosed || !(error instanceof Refused) || error.status === 401) return;
      this.timer = setTimeout(() => this.load(), this.backoff.nextMs(askedMs(error)));
    }
  }

  private entryOf(listing: RoomListing): RoomEntry {
    const { room, read } = listing;
    const listed: RoomEntry = {
      id: room.id,
      kind: room.kind,
      name: room.name,
      topic: room.topic,
      role: listing.role,
      isArchived: room.archived_at !== undefined,
      hasAi: listing.has_ai,
      facing: listing.facing,
      seq: listing.seq,
      unread: read.unread,
      mentions: read.mentions,
      isAiWorking: listing.is_ai_working,
      needsApproval: listing.needs_approval,
    };
    const told = this.toldMeanwhile.get(room.id);
    const isNewer = told !== undefined && told.seq >= listing.seq;
    const entry = isNewer ? { ...told, role: listing.role, hasAi: listing.has_ai, facing: listing.facing } : listed;
    const state = this.parts.stateOf(room.id);
    return state !== undefined && state.seq >= listing.seq ? withState(entry, state, this.parts.meId) : entry;
  }

  private change(roomId: string, how: (entry: RoomEntry) => RoomEntry): void {
    const known = this.rooms.get();
    const entry = known?.get(roomId);
    if (known === undefined || entry === undefined) return;
    const changed = how(entry);
    if (this.isLoading) this.toldMeanwhile.set(roomId, changed);
    if (isSame(entry, changed)) return;
    this.rooms.set(new Map(known).set(roomId, changed));
  }
}

function withState(entry: RoomEntry, state: RoomState, meId: string): RoomEntry {
  return {
    ...entry,
    name: state.room.name,
    topic: state.room.topic,
    role: state.members.get(meId)?.role ?? entry.role,
    isArchived: state.room.archived_at !== undefined,
    seq: state.seq,
    unread: state.read.unread,
    mentions: state.read.mentions,
    isAiWorking: [...state.turns.values()].some((turn) => turn.fence > 0),
    needsApproval: needsApproval(state),
  };
}

function isSame(one: RoomEntry, other: RoomEntry): boolean {
  return (
    one.name === other.name &&
    one.topic === other.topic &&
    one.role === other.role &&
    one.isArchived === other.isArchived &&
    one.unread === other.unread &&
    one.mentions === other.mentions &&
    one.isAiWorking === other.isAiWorking &&
    one.needsApproval === other.needsApproval &&
    one.seq === other.seq
  );
}
