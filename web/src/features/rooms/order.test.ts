import { describe, expect, it } from "vitest";
import type { RoomEntry } from "../../connection/types";
import { inOrder, inParts, neighbour, nextUnread, shownName } from "./order";

function entry(id: string, name: string, more: Partial<RoomEntry> = {}): RoomEntry {
  return {
    id,
    kind: "room",
    name,
    topic: "",
    role: "member",
    isArchived: false,
    seq: 1,
    unread: 0,
    mentions: 0,
    isAiWorking: false,
    ...more,
  };
}

const list = [
  entry("a", "alpha"),
  entry("b", "beta", { unread: 4 }),
  entry("c", "gamma"),
  entry("d", "delta", { unread: 1, mentions: 1 }),
];

describe("the list of rooms", () => {
  it("stands by name, numbers as numbers, direct rooms and archived ones apart", () => {
    const parts = inParts(
      [
        entry("1", "team-10"),
        entry("2", "team-9"),
        entry("3", "Alpha"),
        entry("4", "Mei, Sam", { kind: "direct" }),
        entry("5", "old", { isArchived: true }),
      ],
      "Mei",
      "en",
    );
    expect(parts.rooms.map((one) => one.name)).toEqual(["Alpha", "team-9", "team-10"]);
    expect(parts.direct.map((one) => one.id)).toEqual(["4"]);
    expect(inOrder(parts, false).map((one) => one.id)).toEqual(["3", "2", "1", "4"]);
    expect(inOrder(parts, true).map((one) => one.id)).toEqual(["3", "2", "1", "4", "5"]);
  });

  it("calls a direct room as the others in it, also where somebody is called as I am", () => {
    expect(shownName({ kind: "direct", name: "Mei, Sam, DeepSeek" }, "Mei")).toBe("Sam, DeepSeek");
    expect(shownName({ kind: "direct", name: "Mei, Mei" }, "Mei")).toBe("Mei");
    expect(shownName({ kind: "direct", name: "Mei" }, "Mei")).toBe("Mei");
    expect(shownName({ kind: "room", name: "Mei, Sam" }, "Mei")).toBe("Mei, Sam");
  });

  it("goes to the room above or below, round at the ends", () => {
    expect(neighbour(list, "b", 1)?.id).toBe("c");
    expect(neighbour(list, "d", 1)?.id).toBe("a");
    expect(neighbour(list, "a", -1)?.id).toBe("d");
    expect(neighbour(list, undefined, 1)?.id).toBe("a");
    expect(neighbour(list, undefined, -1)?.id).toBe("d");
    expect(neighbour([], undefined, 1)).toBeUndefined();
  });

  it("goes to a mention before anything unread, and passes by what is muted", () => {
    expect(nextUnread(list, "a", new Set())?.id).toBe("d");
    expect(nextUnread(list, "d", new Set())?.id).toBe("b");
    expect(nextUnread(list, "d", new Set(["b"]))).toBeUndefined();
    expect(nextUnread(list, "a", new Set(["d"]))?.id).toBe("d");
    expect(nextUnread(list, undefined, new Set(["d"]))?.id).toBe("d");
  });
});
