import { expect, test } from "vitest";
import { applyEvent } from "../../room/applyEvent";
import { created, head } from "../../room/scenes.fixture";
import type { RoomState } from "../../room/state";
import { Announcements } from "./announcements";

const sentences = {
  writes: (ai: string) => `${ai} is writing.`,
  answered: (ai: string, words: string) => `${ai}: ${words}`,
  name: (id: string) => id,
};

const asked = (state: RoomState): RoomState =>
  applyEvent(
    state,
    { ...head(2, "alice"), type: "turn_requested", turn_id: "t", ai_id: "bot", reason: "mention" },
    "alice",
  );
const begun = (state: RoomState): RoomState =>
  applyEvent(state, { ...head(3, "bot"), type: "turn_started", turn_id: "t", fence: 1, pod: "p" }, "alice");
const answered = (state: RoomState, text: string): RoomState =>
  applyEvent(
    state,
    {
      ...head(4, "bot"),
      type: "message_posted",
      message: { id: "e4", text, turn_id: "t" },
      mentions: [],
      mention_groups: [],
      is_redacted: false,
    },
    "alice",
  );

test("that an AI writes is said once, when it begins, and its answer once", () => {
  const told = new Announcements();
  const first = created();
  const waiting = asked(first);
  const running = begun(waiting);
  const done = answered(running, "All **26** tests pass.");
  expect(told.next(first, sentences)).toBeUndefined();
  expect(told.next(waiting, sentences)).toBeUndefined();
  expect(told.next(running, sentences)).toBe("bot is writing.");
  expect(told.next(running, sentences)).toBeUndefined();
  expect(told.next(done, sentences)).toBe("bot: All 26 tests pass.");
  expect(told.next(done, sentences)).toBeUndefined();
});

test("what was there when the room was opened is not said", () => {
  const told = new Announcements();
  expect(told.next(answered(begun(asked(created())), "old"), sentences)).toBeUndefined();
});

test("a long answer is said as far as its first 200 characters", () => {
  const told = new Announcements();
  const running = begun(asked(created()));
  told.next(running, sentences);
  const said = told.next(answered(running, "word ".repeat(200)), sentences) ?? "";
  expect([...said.replace("bot: ", "")]).toHaveLength(200);
});
