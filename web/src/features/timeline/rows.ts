/** The rows of a list from the items of a timeline: which begin a day, which go on with who spoke before, what is new. */

import type { Message } from "../../protocol/wire";
import type { TimelineItem } from "../../room/state";
import { gathered } from "./joins";

const GROUPED_MS = 5 * 60_000;

export interface Row {
  readonly id: string;
  readonly item: TimelineItem;
  /** Goes on with who spoke right before: without name and face. */
  readonly isGrouped: boolean;
  /** The first of its day: a moment of that day. */
  readonly day: string | undefined;
  /** The line of what is new stands above it. */
  readonly isFirstUnread: boolean;
  readonly isLast: boolean;
}

export interface RowOptions {
  readonly meId: string;
  /** The message above which the line stands. */
  readonly firstUnread: string | undefined;
  readonly isAi: (accountId: string) => boolean;
}

/**
 * Makes rows; one that says the same as before is the same object as before. A row depends on what is right before it
 * and on whether it is the last, so what follows the first change is made anew, and nothing else.
 */
export class Rows {
  private shown: readonly TimelineItem[] = [];
  private options: RowOptions | undefined;
  private last: readonly Row[] = [];

  of(items: readonly TimelineItem[], options: RowOptions): readonly Row[] {
    const shown = shownOf(items);
    const { last } = this;
    const known = sameOptions(this.options, options) ? sameAtFirst(this.shown, shown) : 0;
    this.options = options;
    if (known === shown.length && known === last.length && this.last.length > 0) return last;
    // The last one that is kept may be the last no more, or only now.
    const kept = Math.max(0, known - 1);
    const old = new Map(last.slice(kept).map((row) => [row.id, row]));
    const rows = last.slice(0, kept);
    let before = shown[kept - 1];
    for (const item of shown.slice(kept)) {
      const row = rowOf(before, item, rows.length === shown.length - 1, options);
      rows.push(sameOr(old.get(item.id), row));
      before = item;
    }
    this.shown = shown;
    const isSame = rows.length === last.length && rows.every((row, place) => row === last[place]);
    if (!isSame) this.last = rows;
    return this.last;
  }
}

function rowOf(before: TimelineItem | undefined, item: TimelineItem, isLast: boolean, options: RowOptions): Row {
  const day = dayOf(item) === (before === undefined ? undefined : dayOf(before)) ? undefined : timeOf(item);
  const isFirstUnread = item.kind === "message" && item.message.id === options.firstUnread;
  const isGrouped = day === undefined && !isFirstUnread && goesOn(before, item, options);
  return { id: item.id, item, isGrouped, day, isFirstUnread, isLast };
}

function shownOf(items: readonly TimelineItem[]): readonly TimelineItem[] {
  return gathered(withoutToldElsewhere(items));
}

/** All but how turns ended that left a message: that stands under it. */
function withoutToldElsewhere(items: readonly TimelineItem[]): readonly TimelineItem[] {
  if (!items.some(tellsOfMessage)) return items;
  const messages = new Set<string>();
  for (const item of items) if (item.kind === "message") messages.add(item.message.id);
  return items.filter((item) => !tellsOfMessage(item) || !isToldElsewhere(item, messages));
}

function sameOptions(one: RowOptions | undefined, other: RowOptions): boolean {
  return one?.meId === other.meId && one.firstUnread === other.firstUnread && one.isAi === other.isAi;
}

/** How many at the beginning are the same objects. */
function sameAtFirst(one: readonly TimelineItem[], other: readonly TimelineItem[]): number {
  const most = Math.min(one.length, other.length);
  let place = 0;
  while (place < most && one[place] === other[place]) place += 1;
  return place;
}

function sameOr(old: Row | undefined, row: Row): Row {
  const isSame =
    old !== undefined &&
    old.item === row.item &&
    old.isGrouped === row.isGrouped &&
    old.day === row.day &&
    old.isFirstUnread === row.isFirstUnread &&
    old.isLast === row.isLast;
  return isSame ? old : row;
}

/** How a turn ended stands under the message that it left, if there is one. */
function isToldElsewhere(item: TimelineItem, messages: ReadonlySet<string>): boolean {
  if (item.kind !== "notice" || item.event.type !== "turn_ended") return false;
  return item.event.message_id !== undefined && messages.has(item.event.message_id);
}

function tellsOfMessage(item: TimelineItem): boolean {
  return item.kind === "notice" && item.event.type === "turn_ended" && item.event.message_id !== undefined;
}

function goesOn(before: TimelineItem | undefined, item: TimelineItem, options: RowOptions): boolean {
  if (before === undefined) return false;
  const one = writerOf(before, options.meId);
  if (one === undefined || one !== writerOf(item, options.meId) || options.isAi(one)) return false;
  if (item.kind === "message" && item.message.reply_to !== undefined) return false;
  return new Date(timeOf(item)).getTime() - new Date(timeOf(before)).getTime() < GROUPED_MS;
}

function writerOf(item: TimelineItem, meId: string): string | undefined {
  if (item.kind === "message") return item.message.author_id;
  return item.kind === "pending" ? meId : undefined;
}

export function timeOf(item: TimelineItem): string {
  switch (item.kind) {
    case "message":
      return item.message.at;
    case "call":
      return item.call.calledAt;
    case "notice":
      return item.event.at;
    case "turn":
      return item.turn.requested_at;
    case "pending":
      return item.pending.at;
  }
}

const days = new Map<string, string>();
const MOST_DAYS = 2_000;

/** Of the reader's calendar. By the hour, which is cheap to know again. */
function dayOf(item: TimelineItem): string {
  const hour = timeOf(item).slice(0, 13);
  const known = days.get(hour);
  if (known !== undefined) return known;
  const date = new Date(`${hour}:00:00Z`);
  const day = `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
  if (days.size > MOST_DAYS) days.clear();
  days.set(hour, day);
  return day;
}

/** Only what can be selected by the keyboard. */
export function isStop(row: Row): boolean {
  return row.item.kind !== "notice" || row.item.event.type === "change_proposed";
}

/** What of a room belongs to one thread. */
export function threadItems(items: readonly TimelineItem[], root: string): readonly TimelineItem[] {
  const within = new Set<string>();
  for (const item of items) {
    if (item.kind === "message" && (item.message.id === root || item.message.thread_root === root)) {
      within.add(item.message.id);
    }
  }
  const turns = new Set(
    items.flatMap((item) => {
      if (item.kind === "message" && within.has(item.message.id)) return item.message.turn_id ?? [];
      if (item.kind === "turn" && item.turn.messages.some((id) => within.has(id) && id !== root))
        return item.turn.turn_id;
      return [];
    }),
  );
  const rootTurn = items.find((item) => item.kind === "message" && item.message.id === root);
  if (rootTurn?.kind === "message" && rootTurn.message.turn_id !== undefined) turns.delete(rootTurn.message.turn_id);
  return items.filter((item) => {
    if (item.kind === "message") return within.has(item.message.id);
    if (item.kind === "pending") return item.pending.replyTo !== undefined && within.has(item.pending.replyTo);
    if (item.kind === "turn") return turns.has(item.turn.turn_id);
    return item.kind === "call" && turns.has(item.call.turnId);
  });
}

interface Index {
  readonly byId: ReadonlyMap<string, Message>;
  /** How many answers stand in a thread, and when the last one was given. */
  readonly threads: ReadonlyMap<string, { readonly count: number; readonly lastAt: string }>;
}

const indexes = new WeakMap<readonly Message[], Index>();

/** Made once for each state of the messages, when it is asked for. */
export function indexOf(messages: readonly Message[]): Index {
  const known = indexes.get(messages);
  if (known !== undefined) return known;
  const threads = new Map<string, { count: number; lastAt: string }>();
  for (const message of messages) {
    if (message.thread_root === undefined || message.deleted_at !== undefined) continue;
    const thread = threads.get(message.thread_root);
    if (thread === undefined) threads.set(message.thread_root, { count: 1, lastAt: message.at });
    else {
      thread.count += 1;
      thread.lastAt = message.at;
    }
  }
  const index = { byId: new Map(messages.map((message) => [message.id, message])), threads };
  indexes.set(messages, index);
  return index;
}

/** How many messages of others came after `seq`. */
export function newAfter(rows: readonly Row[], seq: number, meId: string): number {
  let count = 0;
  for (let place = rows.length - 1; place >= 0; place -= 1) {
    const item = rows[place]?.item;
    if (item?.kind !== "message") continue;
    if (item.seq <= seq) break;
    count += Number(item.message.author_id !== meId);
  }
  return count;
}

/** The seq of the newest message. */
export function newestSeq(rows: readonly Row[]): number {
  return rows.findLast((row) => row.item.kind === "message")?.item.seq ?? 0;
}
