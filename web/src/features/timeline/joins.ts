/** Those whom one person takes in, one right after the other, are told in one line. */

import type { TimelineItem } from "../../room/state";

type Notice = Extract<TimelineItem, { readonly kind: "notice" }>;

/** Longer apart they are two occasions. */
const TOGETHER_MS = 5 * 60_000;

/** By the first of them: what says the same is the same object as before. */
const lines = new WeakMap<Notice, Notice>();

export function gathered(items: readonly TimelineItem[]): readonly TimelineItem[] {
  if (!items.some((item, place) => place > 0 && isNext(items[place - 1], item))) return items;
  const shown: TimelineItem[] = [];
  let run: Notice[] = [];
  const end = () => {
    if (run.length > 0) shown.push(lineOf(run));
    run = [];
  };
  for (const item of items) {
    if (!isAddition(item)) {
      end();
      shown.push(item);
      continue;
    }
    if (!isNext(run.at(-1), item)) end();
    run.push(item);
  }
  end();
  return shown;
}

function lineOf(run: readonly Notice[]): Notice {
  const [first, ...others] = run as readonly [Notice, ...Notice[]];
  if (others.length === 0) return first;
  const known = lines.get(first);
  const also = others.map(({ event }) => event);
  if (known?.also?.length === also.length && also.every((event, place) => event === known.also?.[place])) return known;
  const line = { ...first, also };
  lines.set(first, line);
  return line;
}

/** Somebody else took them in; who comes by an invite is told alone. */
function isAddition(item: TimelineItem | undefined): item is Notice {
  if (item?.kind !== "notice" || item.event.type !== "member_joined") return false;
  return item.event.actor_id !== item.event.member.account_id;
}

function isNext(before: TimelineItem | undefined, item: TimelineItem): boolean {
  if (!isAddition(before) || !isAddition(item) || before.event.actor_id !== item.event.actor_id) return false;
  return new Date(item.event.at).getTime() - new Date(before.event.at).getTime() < TOGETHER_MS;
}
