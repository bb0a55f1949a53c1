/** What waits to be read, counted as the server counts it. */

import type { Member, MentionGroup, Message, ReadMark } from "../protocol/wire";
import type { RoomState } from "./state";

/** The server counts among so many newest ones. */
const MOST_UNREAD = 1_000;

/** The mark after one message is another than it was; undefined: it was not there. */
export function recounted(state: RoomState, before: Message | undefined, after: Message, meId: string): ReadMark {
  const { read } = state;
  const me = state.members.get(meId);
  const behind = countedFrom(read.seq, me);
  const unread = Number(isUnread(after, behind, meId)) - Number(isUnread(before, behind, meId));
  const mentions = Number(isCall(after, behind, meId, me)) - Number(isCall(before, behind, meId, me));
  if (unread === 0 && mentions === 0) return read;
  return { seq: read.seq, unread: bounded(read.unread + unread), mentions: bounded(read.mentions + mentions) };
}

/** Everything up to `seq` is read: by this account here, or elsewhere (`read_marked`). The mark never goes back. */
export function withRead(state: RoomState, seq: number, meId: string): RoomState {
  const mark = Math.min(seq, state.seq);
  if (mark <= state.read.seq) return state;
  const first = state.messages[0];
  // What is not here cannot be counted; then it stays as the server told it.
  const isHere = !state.hasOlder || (first !== undefined && first.seq <= mark + 1);
  if (!isHere) return { ...state, read: { ...state.read, seq: mark } };
  const me = state.members.get(meId);
  const behind = countedFrom(mark, me);
  let unread = 0;
  let mentions = 0;
  for (let place = state.messages.length - 1; place >= 0 && unread < MOST_UNREAD; place--) {
    const message = state.messages[place];
    if (message === undefined || message.seq <= behind) break;
    unread += Number(isUnread(message, behind, meId));
    mentions += Number(isCall(message, behind, meId, me));
  }
  return { ...state, read: { seq: mark, unread, mentions } };
}

/** The first message that waited when the room was opened, as far as it is here: above it stands the line. */
export function firstUnread(state: RoomState, meId?: string): Message | undefined {
  if (state.readBefore.unread === 0) return undefined;
  const behind = countedFrom(state.readBefore.seq, meId === undefined ? undefined : state.members.get(meId));
  return state.messages.find((message) => isUnread(message, behind, meId));
}

function countedFrom(mark: number, me: Member | undefined): number {
  return Math.max(mark, me?.joined_seq ?? 0);
}

function isUnread(message: Message | undefined, behind: number, meId: string | undefined): boolean {
  return (
    message !== undefined && message.seq > behind && message.author_id !== meId && message.deleted_at === undefined
  );
}

function isCall(message: Message | undefined, behind: number, meId: string, me: Member | undefined): boolean {
  if (message === undefined || !isUnread(message, behind, meId)) return false;
  return message.mentions.includes(meId) || message.mention_groups.some((group) => isIn(group, me));
}

function isIn(group: MentionGroup, me: Member | undefined): boolean {
  return group === "all" || group === "here" || group === me?.role;
}

function bounded(count: number): number {
  return Math.min(Math.max(count, 0), MOST_UNREAD);
}
