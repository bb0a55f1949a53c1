/** How messages follow from events, and how older ones that were on their way are brought up to date. */

import { describe, expect, it } from "vitest";
import type { Message } from "../protocol/wire";
import { applyEvent } from "./applyEvent";
import { withHistory } from "./history";
import { foldMessage, type MessageChange, messageOf } from "./messages";
import { created, folded, head, posted, snapshotOf } from "./scenes.fixture";
import { fromSnapshot } from "./snapshot";

const POSTED = posted(7, "alice", "hi @bob", { mentions: ["bob"], turn_id: "t" });
const MESSAGE = POSTED.type === "message_posted" ? messageOf(POSTED) : undefined;

function messageAfter(...events: MessageChange[]): Message {
  if (MESSAGE === undefined) throw new Error("it was posted");
  return events.reduce(foldMessage, MESSAGE);
}

function edited(seq: number, text: string, revision: number): MessageChange {
  const about = { message_id: "m7", mentions: [], mention_groups: [], is_redacted: false };
  return { ...head(seq, "alice"), ...about, type: "message_edited", text, revision };
}

function reacted(seq: number, by: string, emoji: string, isRemoved = false): MessageChange {
  return { ...head(seq, by), type: isRemoved ? "reaction_removed" : "reaction_added", message_id: "m7", emoji };
}

function answered(seq: number, text: string, revision: number): MessageChange {
  const answer = { turn_id: `t${seq}`, at: "", text };
  const about = { message_id: "m7", mentions: ["alice"], is_redacted: false };
  return { ...head(seq, "bot"), ...about, type: "answer_regenerated", answer, revision };
}

function chosen(seq: number, index: number, revision: number): MessageChange {
  return { ...head(seq, "bob"), type: "answer_chosen", message_id: "m7", index, revision };
}

const DELETED: MessageChange = { ...head(20, "bob"), type: "message_deleted", message_id: "m7", because: "retention" };

describe("a message", () => {
  it("has the newest of its texts, whatever comes twice", () => {
    const message = messageAfter(edited(8, "bye", 2), edited(9, "bye!", 3), edited(8, "bye", 2));
    expect(message).toMatchObject({ text: "bye!", revision: 3, mentions: [], edited_at: head(9, "").at });
  });

  it("gathers reactions by emoji in the order they came, each person's once", () => {
    const message = messageAfter(reacted(8, "bob", "👍"), reacted(9, "alice", "🎉"), reacted(10, "alice", "👍"));
    expect(message.reactions).toEqual([
      { emoji: "👍", account_ids: ["bob", "alice"] },
      { emoji: "🎉", account_ids: ["alice"] },
    ]);
    expect(foldMessage(message, reacted(8, "bob", "👍")).reactions).toBe(message.reactions);
  });

  it("loses an emoji with the last who takes it back, and all of a person whose content is erased", () => {
    const both = [reacted(8, "bob", "👍"), reacted(9, "alice", "👍"), reacted(10, "bob", "🎉")];
    expect(messageAfter(...both, reacted(11, "bob", "🎉", true)).reactions).toEqual([
      { emoji: "👍", account_ids: ["bob", "alice"] },
    ]);
    const erased: MessageChange = {
      ...head(11, "bob"),
      type: "reaction_removed",
      message_id: "m7",
      emoji: "",
      is_erased: true,
    };
    expect(messageAfter(...both, erased).reactions).toEqual([{ emoji: "👍", account_ids: ["alice"] }]);
  });

  it("keeps its place and nothing that was said when it is deleted", () => {
    const message = messageAfter(reacted(8, "bob", "👍"), answered(9, "again", 2), DELETED);
    expect(message).toMatchObject({
      seq: 7,
      author_id: "alice",
      text: "",
      deleted_by: "bob",
      deleted_because: "retention",
    });
    const left = [message.reactions, message.mentions, message.alternatives, message.cards, message.attachments];
    expect(left).toEqual([[], [], undefined, undefined, undefined]);
  });

  it("keeps all answers that were given, and shows the chosen one", () => {
    const again = messageAfter(answered(9, "second", 2), answered(10, "third", 3));
    expect(again).toMatchObject({ text: "third", turn_id: "t10", chosen: 2, revision: 3, mentions: ["alice"] });
    expect(again.alternatives?.map((answer) => answer.text)).toEqual(["hi @bob", "second", "third"]);
    const back = foldMessage(again, chosen(11, 0, 4));
    expect(back).toMatchObject({ text: "hi @bob", turn_id: "t", chosen: 0, revision: 4 });
    expect(foldMessage(back, answered(9, "second", 2))).toBe(back);
  });
});

describe("an older message", () => {
  const log = [posted(2, "alice"), posted(3, "bob"), posted(4, "alice")];
  const all = folded(log);
  const held = { ...fromSnapshot(snapshotOf(all, 1), "epoch"), hasOlder: true };
  const emoji = (seq: number, isRemoved = false): MessageChange => ({
    ...reacted(seq, "bob", "👍", isRemoved),
    message_id: "m2",
  });

  it("that was read before something came to it is brought up to date", () => {
    const meanwhile = applyEvent(held, emoji(5), "alice");
    const state = withHistory(meanwhile, all.messages.slice(0, 2), [], 1, false);
    expect(state.messages.map((message) => message.id)).toEqual(["m2", "m3", "m4"]);
    expect(state.messages[0]?.reactions).toEqual([{ emoji: "👍", account_ids: ["bob"] }]);
    expect(state.missed).toEqual([]);
  });

  it("that was read ahead of what the room was told is the same in the end", () => {
    const reactedTo = folded([emoji(5), emoji(6, true)], "alice", all);
    const early = withHistory(applyEvent(held, emoji(5), "alice"), reactedTo.messages.slice(0, 2), [], 1, false);
    expect(applyEvent(early, emoji(6, true), "alice").messages).toEqual(reactedTo.messages);
  });

  it("that is here already does not come twice", () => {
    const state = withHistory(held, all.messages, [], 1, false);
    expect(state.messages.map((message) => message.id)).toEqual(["m2", "m3", "m4"]);
    expect(withHistory(state, all.messages, log, 1, false).messages).toEqual(state.messages);
  });

  it("posted while an empty room was read comes with its event alone", () => {
    const empty = { ...created(), hasOlder: true };
    expect(withHistory(empty, all.messages, [], 0, false).messages).toEqual([]);
  });
});

it("of 10,000 messages one is new when one changes", () => {
  const messages = Array.from({ length: 10_000 }, (_, place) => posted(place + 2, "bob"));
  const full = folded(messages);
  const changed = applyEvent(full, { ...reacted(10_002, "bob", "👍"), message_id: "m5000" }, "alice");
  expect(changed.messages.filter((message, place) => message !== full.messages[place]).map((one) => one.id)).toEqual([
    "m5000",
  ]);
  const more = applyEvent(changed, posted(10_003, "bob"), "alice");
  expect(more.messages.length).toBe(10_001);
  expect(more.messages.every((message, place) => place === 10_000 || message === changed.messages[place])).toBe(true);
  expect(more.members).toBe(changed.members);
  expect(more.calls).toBe(changed.calls);
});
