import { describe, expect, it } from "vitest";
import type { RoomEntry } from "../../connection/types";
import { titleOf } from "../shell/useTitle";
import { forMe, waitingIn } from "./waiting";

function entry(id: string, more: Partial<RoomEntry> = {}): RoomEntry {
  const usual = { name: id, topic: "", role: "member", isArchived: false, seq: 1, isAiWorking: false };
  return { id, kind: "room", unread: 0, mentions: 0, ...usual, ...more };
}

const of = (...entries: readonly RoomEntry[]) => new Map(entries.map((one) => [one.id, one]));
const nobody: ReadonlySet<string> = new Set();

describe("what waits for the reader", () => {
  it("is what mentions them, and everything in a direct room, once", () => {
    expect(forMe(entry("a", { unread: 5, mentions: 2 }))).toBe(2);
    expect(forMe(entry("b", { kind: "direct", unread: 3, mentions: 1 }))).toBe(3);
  });

  it("is summed over all rooms but muted and archived ones", () => {
    const rooms = of(
      entry("a", { unread: 5, mentions: 2 }),
      entry("b", { kind: "direct", unread: 3 }),
      entry("quiet", { kind: "direct", unread: 9, mentions: 9 }),
      entry("old", { unread: 4, mentions: 4, isArchived: true }),
    );
    expect(waitingIn(rooms, new Set(["quiet"]))).toEqual({ forMe: 5, isMore: true });
    expect(waitingIn(rooms, new Set(["quiet"]), "b")).toEqual({ forMe: 2, isMore: true });
  });

  it("is nothing in a room that is muted, and nothing before the rooms are known", () => {
    expect(waitingIn(of(entry("a", { unread: 1 })), new Set(["a"]))).toEqual({ forMe: 0, isMore: false });
    expect(waitingIn(undefined, nobody)).toEqual({ forMe: 0, isMore: false });
  });
});

describe("the title of the page", () => {
  const title = (...entries: readonly RoomEntry[]) => titleOf("welcome", waitingIn(of(...entries), nobody));

  it("has the number of what is for the reader in front, and a dot where only other things are unread", () => {
    expect(title(entry("a", { unread: 5, mentions: 1 }), entry("b", { kind: "direct", unread: 1 }))).toBe(
      "(2) welcome · Multiplayer",
    );
    expect(title(entry("a", { unread: 5 }))).toBe("• welcome · Multiplayer");
    expect(title(entry("a"))).toBe("welcome · Multiplayer");
    expect(titleOf("", { forMe: 0, isMore: false })).toBe("Multiplayer");
  });
});
