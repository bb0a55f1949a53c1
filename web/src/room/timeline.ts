/** What a timeline shows, line by line. A line that says the same as before is the same object as before. */

import type { Event, Message, TurnState } from "../protocol/wire";
import { emptiedBy } from "./emptied";
import type { Pending, RoomState, TimelineItem, ToolCall } from "./state";

/** What is not committed has no seq of the room's yet. */
const LAST = Number.MAX_SAFE_INTEGER;

type Item<Kind extends TimelineItem["kind"]> = Extract<TimelineItem, { readonly kind: Kind }>;

// What they are made of never changes, so an item lives exactly as long as that.
const messageItems = new WeakMap<Message, Item<"message">>();
const callItems = new WeakMap<ToolCall, Item<"call">>();
const noticeItems = new WeakMap<Event, Item<"notice">>();
const turnItems = new WeakMap<TurnState, Item<"turn">>();
const pendingItems = new WeakMap<Pending, Item<"pending">>();
const timelines = new WeakMap<RoomState["messages"], Timeline>();
const pasts = new WeakMap<RoomState["messages"], Past>();

interface Timeline {
  readonly past: Past;
  readonly turns: RoomState["turns"];
  readonly pending: readonly Pending[];
  readonly items: readonly TimelineItem[];
}

/** What is in the order of `seq`, which a message on its way or a turn that moves on leaves as it was. */
interface Past {
  readonly calls: RoomState["calls"];
  readonly ended: RoomState["ended"];
  readonly notices: RoomState["notices"];
  readonly items: readonly TimelineItem[];
  /** The turns that left a message. */
  readonly answered: ReadonlySet<string>;
}

/**
 * In the order of `seq`; then the turns that wait or run, oldest first; then what is not committed. The first message
 * of a turn takes the id of the turn's own line, so that the one becomes the other in its place.
 */
export function timelineOf(state: RoomState, pending: readonly Pending[]): readonly TimelineItem[] {
  const { messages, turns } = state;
  const past = pastOf(state);
  const last = timelines.get(messages);
  if (last?.past === past && last.turns === turns && last.pending === pending) return last.items;
  const open = [...turns.values()].filter((turn) => !past.answered.has(turn.turn_id)).map(turnItem);
  const items = [...past.items, ...open.sort(bySeq), ...pending.map(pendingItem)];
  timelines.set(messages, { past, turns, pending, items });
  return items;
}

function pastOf(state: RoomState): Past {
  const { messages, calls, ended, notices } = state;
  const last = pasts.get(messages);
  if (last?.calls === calls && last.ended === ended && last.notices === notices) return last;
  const answered = new Set<string>();
  const items = merged(
    messages.map((message) => messageItem(message, answered)),
    merged([...calls.values()].map(emptiedBy(state)).map(callItem).sort(bySeq), notices.map(noticeItem)),
  );
  const past = { calls, ended, notices, items, answered };
  pasts.set(messages, past);
  return past;
}

/** The turn by which an answer was first given; it stays while the answer is given again. */
function firstTurnOf(message: Message): string | undefined {
  return message.alternatives?.[0]?.turn_id ?? message.turn_id;
}

function messageItem(message: Message, answered: Set<string>): Item<"message"> {
  const turnId = firstTurnOf(message);
  const isFirst = turnId !== undefined && !answered.has(turnId);
  if (turnId !== undefined) answered.add(turnId);
  if (message.turn_id !== undefined) answered.add(message.turn_id);
  const id = isFirst ? turnItemId(turnId) : message.id;
  const known = messageItems.get(message);
  if (known?.id === id) return known;
  return remembered(messageItems, message, { kind: "message", id, seq: message.seq, message });
}

function callItem(call: ToolCall): Item<"call"> {
  return (
    callItems.get(call) ?? remembered(callItems, call, { kind: "call", id: `call:${call.key}`, seq: call.seq, call })
  );
}

function noticeItem(event: Event): Item<"notice"> {
  return (
    noticeItems.get(event) ?? remembered(noticeItems, event, { kind: "notice", id: event.id, seq: event.seq, event })
  );
}

function turnItem(turn: TurnState): Item<"turn"> {
  const id = turnItemId(turn.turn_id);
  return turnItems.get(turn) ?? remembered(turnItems, turn, { kind: "turn", id, seq: turn.requested_seq, turn });
}

function pendingItem(pending: Pending): Item<"pending"> {
  const id = `pending:${pending.key}`;
  return pendingItems.get(pending) ?? remembered(pendingItems, pending, { kind: "pending", id, seq: LAST, pending });
}

function turnItemId(turnId: string): string {
  return `turn:${turnId}`;
}

function remembered<K extends object, I>(items: WeakMap<K, I>, of: K, item: I): I {
  items.set(of, item);
  return item;
}

function bySeq(one: TimelineItem, other: TimelineItem): number {
  return one.seq - other.seq;
}

/** Two lists that are in order, as one. */
function merged(left: readonly TimelineItem[], right: readonly TimelineItem[]): TimelineItem[] {
  const items: TimelineItem[] = [];
  let next = 0;
  for (const item of left) {
    for (let other = right[next]; other !== undefined && other.seq < item.seq; other = right[next]) {
      items.push(other);
      next++;
    }
    items.push(item);
  }
  items.push(...right.slice(next));
  return items;
}
