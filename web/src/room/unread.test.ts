/** What waits is counted as the server counts it. */

import { expect, it } from "vitest";
import type { Event, Message, ReadMark } from "../protocol/wire";
import { applyEvent, applySignal } from "./applyEvent";
import { created, folded, head, posted } from "./scenes.fixture";
import type { RoomState } from "./state";
import { firstUnread, withRead } from "./unread";

/** As the server counts: from all messages, anew. */
function counted(state: RoomState, meId: string): ReadMark {
  const me = state.members.get(meId);
  const behind = Math.max(state.read.seq, me?.joined_seq ?? 0);
  const groups: readonly string[] = ["all", "here", me?.role ?? ""];
  const unread = state.messages.filter(
    (message) => message.seq > behind && message.author_id !== meId && message.deleted_at === undefined,
  );
  const calls = (message: Message) =>
    message.mentions.includes(meId) || message.mention_groups.some((group) => groups.includes(group));
  return { seq: state.read.seq, unread: unread.length, mentions: unread.filter(calls).length };
}

function deleted(seq: number, messageId: string): Event {
  return { ...head(seq, "alice"), type: "message_deleted", message_id: messageId };
}

function edited(seq: number, messageId: string, mentions: readonly string[], revision: number): Event {
  const about = { message_id: messageId, text: "", revision, mentions, mention_groups: [], is_redacted: false };
  return { ...head(seq, "alice"), type: "message_edited", ...about };
}

it("what waits is counted event by event as it would be from all messages", () => {
  let seed = 7;
  const pick = (most: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % most;
  };
  let state = created();
  let unread = 0;
  for (let step = 0; step < 400; step++) {
    const seq = state.seq + 1;
    const some = state.messages[pick(state.messages.length || 1)];
    const action = pick(10);
    if (action < 5 || some === undefined) {
      const more = {
        mentions: pick(3) === 0 ? ["bob"] : [],
        mention_groups: pick(4) === 0 ? (["member"] as const) : [],
      };
      state = applyEvent(state, posted(seq, pick(3) === 0 ? "bob" : "alice", "", more), "bob");
    } else if (action < 7) {
      const mentions = pick(2) === 0 ? ["bob"] : [];
      state = applyEvent(state, edited(seq, some.id, mentions, some.revision + 1), "bob");
    } else if (action < 8) {
      state = applyEvent(state, deleted(seq, some.id), "bob");
    } else {
      state = applySignal(state, { type: "read_marked", room_id: "room", seq: some.seq }, "bob");
    }
    expect(state.read).toEqual(counted(state, "bob"));
    unread = Math.max(unread, state.read.unread);
  }
  expect(unread).toBeGreaterThan(3);
});

it("the mark never goes back, nor further than the log", () => {
  const state = folded([posted(2, "alice"), posted(3, "alice")], "bob");
  const read = withRead(state, 99, "bob");
  expect(read.read).toEqual({ seq: 3, unread: 0, mentions: 0 });
  expect(withRead(read, 2, "bob")).toBe(read);
});

it("what is not here is not counted as read", () => {
  const state = folded([posted(2, "alice"), posted(3, "alice")], "bob");
  const far = {
    ...state,
    messages: state.messages.slice(1),
    hasOlder: true,
    read: { seq: 0, unread: 40, mentions: 2 },
  };
  expect(withRead(far, 1, "bob").read).toEqual({ seq: 1, unread: 40, mentions: 2 });
  expect(withRead(far, 2, "bob").read).toEqual({ seq: 2, unread: 1, mentions: 0 });
});

it("the line stands above the first message of others that waited when the room was opened", () => {
  const events = [posted(2, "alice"), posted(3, "bob"), posted(4, "alice"), posted(5, "alice")];
  const opened = { ...folded(events, "bob"), readBefore: { seq: 2, unread: 2, mentions: 0 } };
  expect(firstUnread(opened, "bob")?.id).toBe("m4");
  expect(firstUnread(folded([deleted(6, "m4")], "bob", opened), "bob")?.id).toBe("m5");
  expect(firstUnread({ ...opened, readBefore: { seq: 2, unread: 0, mentions: 0 } }, "bob")).toBeUndefined();
});

it("who joined later has nothing waiting from before", () => {
  const member = { account_id: "carol", kind: "human", handle: "carol", display_name: "Carol" } as const;
  const joined: Event = {
    ...head(3, "alice"),
    type: "member_joined",
    member: { ...member, role: "member", joined_at: "", joined_seq: 3 },
  };
  const state = folded([posted(2, "alice"), joined, posted(4, "alice")], "carol");
  expect(withRead(state, 1, "carol").read).toEqual({ seq: 1, unread: 1, mentions: 0 });
});
