import { describe, expect, test } from "vitest";
import type { Message } from "../../protocol/wire";
import type { Pending, TimelineItem } from "../../room/state";
import { indexOf, newAfter, type Row, type RowOptions, Rows, threadItems } from "./rows";

const options: RowOptions = { meId: "mei", firstUnread: undefined, isAi: (id) => id === "ai" };

function message(seq: number, author: string, minute: number, more: Partial<Message> = {}): TimelineItem {
  const message: Message = {
    id: `m${seq}`,
    seq,
    author_id: author,
    at: new Date(Date.UTC(2026, 10, 22, 9, minute)).toISOString(),
    text: "words",
    mentions: [],
    mention_groups: [],
    revision: 1,
    reactions: [],
    chosen: 0,
    ...more,
  };
  return { kind: "message", id: message.id, seq, message };
}

const messagesOf = (items: readonly TimelineItem[]) =>
  items.flatMap((item) => (item.kind === "message" ? item.message : []));

const pending = (key: string, replyTo?: string): TimelineItem => {
  const pending: Pending = {
    key,
    roomId: "r",
    text: "words",
    replyTo,
    attachments: [],
    at: new Date(Date.UTC(2026, 10, 22, 9, 10)).toISOString(),
    state: "sending",
    reason: undefined,
  };
  return { kind: "pending", id: `pending:${key}`, seq: Number.MAX_SAFE_INTEGER, pending };
};

describe("rows", () => {
  test("go on with who spoke within five minutes, not with another, a reply or an AI", () => {
    const rows = new Rows().of(
      [
        message(1, "sam", 0),
        message(2, "sam", 4),
        message(3, "sam", 10),
        message(4, "mei", 11),
        message(5, "mei", 11, { reply_to: "m1" }),
        message(6, "ai", 12),
        message(7, "ai", 12),
      ],
      options,
    );
    expect(rows.map((row) => row.isGrouped)).toEqual([false, true, false, false, false, false, false]);
  });

  test("a message on its way goes on with our last one", () => {
    const rows = new Rows().of([message(1, "mei", 8), pending("a"), pending("b")], options);
    expect(rows.map((row) => row.isGrouped)).toEqual([false, true, true]);
  });

  test("the first of a day says so, and speaks for itself", () => {
    const rows = new Rows().of([message(1, "sam", 0), message(2, "sam", 60 * 40)], options);
    expect(rows.map((row) => row.day !== undefined)).toEqual([true, true]);
    expect(rows[1]?.isGrouped).toBe(false);
  });

  test("the line of what is new stands once, and what follows it speaks for itself", () => {
    const items = [message(1, "sam", 0), message(2, "sam", 1), message(3, "sam", 2)];
    const rows = new Rows().of(items, { ...options, firstUnread: "m2" });
    expect(rows.map((row) => row.isFirstUnread)).toEqual([false, true, false]);
    expect(rows.map((row) => row.isGrouped)).toEqual([false, false, true]);
  });

  test("that say the same are the same objects", () => {
    const made = new Rows();
    const items = [message(1, "sam", 0), message(2, "sam", 1), message(3, "mei", 2)];
    const first = made.of(items, options);
    expect(made.of([...items], options)).toBe(first);
    const more = made.of([...items, message(4, "sam", 3)], options);
    expect(more[0]).toBe(first[0]);
    expect(more[1]).toBe(first[1]);
    expect(more[2]).not.toBe(first[2]);
    const older = made.of([message(0, "sam", -2), ...items, message(4, "sam", 3)], options);
    expect(older[1]?.isGrouped).toBe(true);
    expect(older[2]).toBe(first[1]);
  });

  test("how a turn ended is told once: under its message, else in a line", () => {
    const end = (seq: number, messageId?: string): TimelineItem => ({
      kind: "notice",
      id: `e${seq}`,
      seq,
      event: {
        room_id: "r",
        seq,
        id: `e${seq}`,
        at: new Date(Date.UTC(2026, 10, 22, 9)).toISOString(),
        actor_id: "ai",
        type: "turn_ended",
        turn_id: "t",
        ai_id: "ai",
        outcome: "stopped",
        reason: "",
        ...(messageId === undefined ? {} : { message_id: messageId }),
      },
    });
    const rows = new Rows().of([message(1, "ai", 0), end(2, "m1"), end(3), end(4, "m-not-here")], options);
    expect(rows.map((row) => row.id)).toEqual(["m1", "e3", "e4"]);
  });

  const joins = (seq: number, by: string, minutes = 0): TimelineItem => ({
    kind: "notice",
    id: `j${seq}`,
    seq,
    event: {
      room_id: "r",
      seq,
      id: `j${seq}`,
      at: new Date(Date.UTC(2026, 10, 22, 9, minutes)).toISOString(),
      actor_id: by,
      type: "member_joined",
      member: {
        account_id: `a${seq}`,
        kind: "human",
        handle: `h${seq}`,
        display_name: `H${seq}`,
        role: "member",
        joined_at: new Date(Date.UTC(2026, 10, 22, 9)).toISOString(),
        joined_seq: seq,
      },
    },
  });
  const told = (rows: readonly Row[]) =>
    rows.map(({ item }) => [item.id, ...(item.kind === "notice" ? (item.also ?? []).map((event) => event.id) : [])]);

  test("of those whom one takes in at once are one; whoever comes alone has a line", () => {
    const items = [
      joins(1, "mei"),
      joins(2, "mei"),
      joins(3, "mei", 1),
      joins(4, "sam", 1),
      message(5, "sam", 1),
      joins(6, "sam", 2),
      joins(7, "a7", 2),
      joins(8, "mei", 3),
      joins(9, "mei", 30),
    ];
    const made = new Rows();
    const rows = made.of(items, options);
    expect(told(rows)).toEqual([["j1", "j2", "j3"], ["j4"], ["m5"], ["j6"], ["j7"], ["j8"], ["j9"]]);
    const more = made.of([...items, joins(10, "mei", 31)], options);
    expect(told(more).at(-1)).toEqual(["j9", "j10"]);
    expect(more[0]).toBe(rows[0]);
  });

  test("made one change after the other are those that are made at once", () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const turnEnd = (of: number): TimelineItem => {
      const event = {
        room_id: "r",
        at: new Date(Date.UTC(2026, 10, 22, 9)).toISOString(),
        actor_id: "ai",
        turn_id: "t",
      };
      const told = { type: "turn_ended", ai_id: "ai", outcome: "stopped", reason: "", message_id: `m${of}` } as const;
      return { kind: "notice", id: `e${of}`, seq: of, event: { ...event, ...told, id: `e${of}`, seq: of } };
    };
    const made = new Rows();
    let items: TimelineItem[] = [];
    let next = 0;
    for (let change = 0; change < 200; change++) {
      const place = random(items.length + 1);
      const more = random(3) > 0;
      next += 1;
      const one =
        random(4) === 0
          ? random(2) === 0
            ? turnEnd(random(next))
            : joins(next, random(2) === 0 ? "sam" : "mei")
          : message(next, random(2) === 0 ? "sam" : "mei", next);
      const added = random(5) === 0 ? pending(`p${next}`) : one;
      items = items.filter((item) => item.id !== added.id).toSpliced(place, more ? 0 : 1, ...(more ? [added] : []));
      const now =
        random(20) === 0 ? { ...options, firstUnread: items.find((item) => item.kind === "message")?.id } : options;
      expect(made.of(items, now)).toEqual(new Rows().of(items, now));
    }
    expect(items.length).toBeGreaterThan(20);
  });

  test("of ten thousand messages only the last two are others when one more comes", () => {
    const items = Array.from({ length: 10_000 }, (_, at) => message(at + 1, at % 3 === 0 ? "sam" : "mei", at));
    const made = new Rows();
    const before = new Set(made.of(items, options));
    const after = made.of([...items, message(10_001, "sam", 10_001)], options);
    expect(after.filter((row) => !before.has(row)).map((row) => row.id)).toEqual(["m10000", "m10001"]);
  });
});

test("what is new is counted after what was seen, without one's own words", () => {
  const rows = new Rows().of(
    [message(1, "sam", 0), message(2, "sam", 1), message(3, "mei", 2), message(4, "ai", 3)],
    options,
  );
  expect(newAfter(rows, 1, "mei")).toBe(2);
  expect(newAfter(rows, 4, "mei")).toBe(0);
});

describe("a thread", () => {
  const items = [
    message(1, "sam", 0),
    message(2, "mei", 1),
    message(3, "mei", 2, { reply_to: "m1", thread_root: "m1" }),
    message(4, "ai", 3, { reply_to: "m3", thread_root: "m1", turn_id: "t" }),
    message(5, "sam", 4, { reply_to: "m1", thread_root: "m1", deleted_at: "2026-11-22T10:00:00Z" }),
    pending("a", "m3"),
    pending("b"),
  ];

  test("has its first message, what answers it, and what is on its way there", () => {
    expect(threadItems(items, "m1").map((item) => item.id)).toEqual(["m1", "m3", "m4", "m5", "pending:a"]);
  });

  test("is counted at its first message, without what was deleted", () => {
    expect(indexOf(messagesOf(items)).threads.get("m1")?.count).toBe(2);
    expect(indexOf(messagesOf(items)).threads.get("m2")).toBeUndefined();
  });
});
