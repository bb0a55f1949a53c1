/** The order of the lines of a timeline, their ids, and that what did not change is the same object. */

import { describe, expect, it } from "vitest";
import { applyEvent, applySignal } from "./applyEvent";
import { called, created, ended, folded, head, posted, requested } from "./scenes.fixture";
import type { Pending, TimelineItem } from "./state";
import { timelineOf } from "./timeline";

const ids = (items: readonly TimelineItem[]) => items.map((item) => item.id);

function pending(key: string): Pending {
  return {
    key,
    roomId: "room",
    text: key,
    replyTo: undefined,
    attachments: [],
    at: "",
    state: "waiting",
    reason: undefined,
  };
}

describe("the timeline", () => {
  const running = folded([posted(2, "bob"), requested(3, "t", "m2"), called(4, "t", "c"), posted(5, "alice")]);

  it("has what runs after what was said, and what is not committed after that", () => {
    const items = timelineOf(running, [pending("k1"), pending("k2")]);
    expect(ids(items)).toEqual(["e1", "m2", "call:t/c", "m5", "turn:t", "pending:k1", "pending:k2"]);
    expect(items.find((item) => item.kind === "turn")?.seq).toBe(3);
  });

  it("has the answer in the place and under the id of the turn that gave it, before and after its end", () => {
    const before = timelineOf(running, []);
    const answered = folded([posted(6, "bot", "yes", { turn_id: "t" })], "alice", running);
    const after = timelineOf(answered, []);
    expect(ids(after)).toEqual(ids(before));
    expect([before, after].map((items) => items.at(-1)?.kind)).toEqual(["turn", "message"]);
    expect(timelineOf(folded([ended(7, "t", "m6")], "alice", answered), []).at(-1)).toBe(after.at(-1));
  });

  it("has the oldest of several open turns first", () => {
    const two = folded([requested(6, "u"), posted(7, "bob")], "alice", running);
    expect(ids(timelineOf(two, [])).slice(-3)).toEqual(["m7", "turn:t", "turn:u"]);
  });

  it("gives its id to the first message of a turn alone", () => {
    const twice = folded(
      [posted(6, "bot", "a", { turn_id: "t" }), posted(7, "bot", "b", { turn_id: "t" })],
      "alice",
      running,
    );
    expect(ids(timelineOf(twice, [])).slice(-2)).toEqual(["turn:t", "m7"]);
  });

  it("keeps an answer's id while it is given again, and shows the turn that does it at the end", () => {
    const answered = folded([posted(6, "bot", "yes", { turn_id: "t" }), ended(7, "t", "m6")], "alice", running);
    const asked = folded(
      [
        {
          ...requested(8, "u"),
          type: "turn_requested",
          turn_id: "u",
          ai_id: "bot",
          reason: "regenerate",
          replaces: "m6",
        },
      ],
      "alice",
      answered,
    );
    expect(ids(timelineOf(asked, [])).slice(-2)).toEqual(["turn:t", "turn:u"]);
    const answer = { turn_id: "u", at: "", text: "no" };
    const about = { message_id: "m6", answer, revision: 2, mentions: [], is_redacted: false };
    const again = applyEvent(asked, { ...head(9, "bot"), type: "answer_regenerated", ...about }, "alice");
    expect(ids(timelineOf(again, [])).at(-1)).toBe("turn:t");
  });

  it("tells of a stop, of files changed by hand, and not of the good end of a turn", () => {
    const changes = { changes: [], before: "", after: "" };
    const state = folded(
      [
        ended(6, "t"),
        requested(7, "u"),
        ended(8, "u", undefined, "stopped"),
        { ...head(9, "bob"), type: "files_changed", ...changes },
      ],
      "alice",
      running,
    );
    expect(ids(timelineOf(state, [])).slice(-2)).toEqual(["e8", "e9"]);
  });
});

describe("a line that says the same", () => {
  const events = Array.from({ length: 10_000 }, (_, place) => posted(place + 2, "bob"));
  const full = folded(events);
  const before = timelineOf(full, []);

  it("is the same object when another one changed", () => {
    const reaction = { type: "reaction_added", message_id: "m5000", emoji: "👍" } as const;
    const after = timelineOf(applyEvent(full, { ...head(10_002, "alice"), ...reaction }, "alice"), []);
    expect(after.filter((item, place) => item !== before[place]).map((item) => item.id)).toEqual(["m5000"]);
  });

  it("is the same when something is sent, called or told", () => {
    const one = pending("k");
    const asked = folded([requested(10_002, "t"), called(10_003, "t", "c")], "alice", full);
    const after = timelineOf(asked, [one]);
    expect(before.every((item, place) => after[place] === item)).toBe(true);
    expect(timelineOf(asked, [one, pending("l")]).slice(0, -1)).toEqual(after);
    const started = { type: "turn_started", turn_id: "t", fence: 1, pod: "p" } as const;
    const running = timelineOf(applyEvent(asked, { ...head(10_004, "bot"), ...started }, "alice"), [one]);
    expect(running.filter((item, place) => item !== after[place]).map((item) => item.id)).toEqual(["turn:t"]);
  });

  it("comes in the same list when nothing of it changed", () => {
    const typing = { type: "typing", room_id: "room", account_id: "bob", is_typing: true } as const;
    const none: readonly Pending[] = [];
    const state = created();
    const told = applySignal(state, typing, "alice");
    expect(told.typing.has("bob")).toBe(true);
    expect(timelineOf(told, none)).toBe(timelineOf(state, none));
  });
});
