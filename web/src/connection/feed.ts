/** One room as the connection feeds it: folds lines in frame by frame, and says from where a connection goes on. */

import { isEvent, isSignal } from "../protocol/lines";
import type { Event, Join, Joined, Signal } from "../protocol/wire";
import { applyEvent, applySignal, Gap } from "../room/applyEvent";
import { Changing } from "../room/readable";
import { mayHere } from "../room/rights";
import { fromSnapshot } from "../room/snapshot";
import type { RoomState } from "../room/state";
import { Tails } from "../room/tails";
import { Backoff } from "./backoff";
import type { Incoming, Outgoing } from "./link";
import { askedMs, isPassing } from "./refusals";
import type { Refused } from "./types";

export interface FeedParts {
  readonly meId: string;
  readonly schedule: (run: () => void) => void;
  readonly random: () => number;
  /** False: there is no connection; the next one begins with what `join` says. */
  readonly send: (line: Outgoing) => boolean;
  /** Of the connection that is open. */
  readonly epoch: () => string;
  /** A snapshot came: what was loaded before it is void. */
  readonly onSnapshot: () => void;
  readonly onMoved: (state: RoomState) => void;
}

export class RoomFeed {
  readonly state = new Changing<RoomState | undefined>(undefined);
  readonly refused = new Changing<Refused | undefined>(undefined);
  readonly listening = new Changing<ReadonlyMap<string, number>>(new Map());
  readonly tails: Tails;
  /** Counts the snapshots: what was asked for before the last one is not put beside it. */
  generation = 0;
  private isVoid = false;
  private isSeen = false;
  private isJoining = false;
  private readonly backoff: Backoff;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly roomId: string,
    private readonly parts: FeedParts,
  ) {
    this.tails = new Tails(parts.schedule);
    this.backoff = new Backoff(parts.random);
  }

  /** What a new connection asks for; undefined: there is nothing to come of this room. */
  join(): Join | undefined {
    const state = this.state.get();
    if (state !== undefined && (state.isLeft || state.isDeleted)) return undefined;
    this.isJoining = true;
    const isGood = state !== undefined && !this.isVoid;
    // The answer to it is found by the room, as that of a stream is.
    const join: Join = { type: "join", id: this.roomId, room_id: this.roomId };
    return isGood ? { ...join, after: { epoch: state.epoch, seq: state.seq } } : join;
  }

  /** Joins on the open connection, unless that is under way. */
  joinNow(): void {
    if (this.isJoining) return;
    const join = this.join();
    if (join !== undefined && !this.parts.send(join)) this.isJoining = false;
  }

  /** The account is a member again. */
  reopen(): void {
    const state = this.state.get();
    const isOut = this.refused.get() !== undefined || (state !== undefined && (state.isLeft || state.isDeleted));
    if (!isOut) return;
    this.refused.set(undefined);
    if (state !== undefined) this.state.set({ ...state, isLeft: false, isDeleted: false });
    this.isVoid = true;
    this.joinNow();
  }

  wentDown(): void {
    this.isJoining = false;
    clearTimeout(this.timer);
    const state = this.state.get();
    // Who still types will be told again; who stopped meanwhile will not.
    if (state !== undefined && state.typing.size > 0) this.state.set({ ...state, typing: new Set() });
  }

  /** A view shows the room, or none does any more: what comes from then on will be new to whoever opens it next. */
  setSeen(isSeen: boolean): void {
    this.isSeen = isSeen;
    const state = this.state.get();
    if (state !== undefined && !isSeen) this.state.set(unseen(state));
  }

  close(): void {
    clearTimeout(this.timer);
  }

  /** The lines of one frame that are of this room. Views are told once, at the end. */
  take(lines: readonly Incoming[]): void {
    let state = this.state.get();
    const { generation } = this;
    for (const line of lines) {
      if ("type" in line && line.type === "joined") state = this.joined(state, line);
      else if (state === undefined || this.isVoid) {
        if ("type" in line && line.type === "reset") this.isVoid = true;
      } else if (isEvent(line)) {
        try {
          state = applyEvent(state, line, this.parts.meId);
        } catch (error) {
          if (!(error instanceof Gap)) throw error;
          this.isVoid = true;
          continue;
        }
        if ("type" in line) this.follow(line);
      } else if (isSignal(line)) {
        if (line.type === "reset") this.isVoid = true;
        else state = this.signal(state, line);
      }
    }
    if (state !== undefined && state !== this.state.get()) {
      // What was left out for one of that role comes only with all of it, and what is not for them any more goes.
      if (this.generation === generation && this.sees(state) !== this.sees(this.state.get() ?? state))
        this.isVoid = true;
      this.state.set(this.isSeen ? state : unseen(state));
      this.parts.onMoved(state);
    }
    // To a join that is under way, a reset is the first half of the answer.
    if (this.isVoid) this.joinNow();
  }

  /** The room shows what was loaded, too. */
  replace(state: RoomState): void {
    this.state.set(state);
  }

  joinRefused(refused: Refused): void {
    this.isJoining = false;
    if (isPassing(refused) || refused.code === "rate_limited") {
      this.timer = setTimeout(() => this.joinNow(), this.backoff.nextMs(askedMs(refused)));
    } else this.refused.set(refused);
  }

  private joined(state: RoomState | undefined, joined: Joined): RoomState | undefined {
    this.isJoining = false;
    this.backoff.reset();
    this.refused.set(undefined);
    if (joined.snapshot === undefined) return state;
    const fresh = fromSnapshot(joined.snapshot, this.parts.epoch());
    this.isVoid = false;
    this.generation += 1;
    this.tails.begin(joined.snapshot.turns);
    this.listening.set(new Map());
    // Asked for only once the state of this frame stands.
    queueMicrotask(() => this.parts.onSnapshot());
    // The line above what is new stays where it was.
    return state !== undefined && state.epoch === fresh.epoch ? { ...fresh, readBefore: state.readBefore } : fresh;
  }

  private sees(state: RoomState): string {
    const { meId } = this.parts;
    const isGuest = state.members.get(meId)?.role === "guest";
    const hasHistory = !isGuest || state.room.settings.guests_see_history !== false;
    return `${mayHere(state, meId, "see_workspace")} ${hasHistory}`;
  }

  private follow(event: Event): void {
    this.tails.follow(event);
    if (event.type === "attachment_changed") this.listensTo(event.attachment.id, undefined);
  }

  private signal(state: RoomState, signal: Signal): RoomState {
    this.tails.take(signal);
    if (signal.type === "transcript_progress") this.listensTo(signal.attachment_id, signal.done);
    return applySignal(state, signal, this.parts.meId);
  }

  private listensTo(attachmentId: string, done: number | undefined): void {
    const before = this.listening.get();
    if (done === undefined && !before.has(attachmentId)) return;
    const after = new Map(before);
    if (done === undefined) after.delete(attachmentId);
    else after.set(attachmentId, done);
    this.listening.set(after);
  }
}

function unseen(state: RoomState): RoomState {
  return state.readBefore === state.read ? state : { ...state, readBefore: state.read };
}
