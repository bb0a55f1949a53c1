import { describe, expect, it } from "vitest";
import type { InviteView } from "../../protocol/api";
import type { Member } from "../../protocol/wire";
import { fromSnapshot } from "../../room/snapshot";
import type { RoomState } from "../../room/state";
import { counts } from "./Invites";
import { byRole, isLastOwner, mayRemove, rolesFor, rolesUpTo } from "./roles";

const AT = "2026-11-22T10:00:00Z";
const member = (id: string, role: Member["role"]): Member => ({
  account_id: id,
  kind: role === "ai" ? "ai" : "human",
  handle: id,
  display_name: id,
  role,
  joined_at: AT,
  joined_seq: 1,
});
const everyone = [
  member("alice", "owner"),
  member("bob", "admin"),
  member("cleo", "member"),
  member("dave", "guest"),
  member("echo", "ai"),
];

function room(kind: "room" | "direct" = "room", members = everyone): RoomState {
  return fromSnapshot(
    {
      room: { id: "r", kind, name: "demo", topic: "", settings: {}, created_at: AT },
      seq: 1,
      members,
      banned: [],
      pins: [],
      turns: [],
      facts: [],
      proposals: [],
      budget: {},
      messages: [],
      has_older: false,
      online: [],
      read: { seq: 1, unread: 0, mentions: 0 },
    },
    "1",
  );
}
const of = (id: string): Member => {
  const found = everyone.find((one) => one.account_id === id);
  if (found === undefined) throw new Error(`there is no ${id}`);
  return found;
};

describe("the members", () => {
  it("stand by role, who is here before the others", () => {
    const members = [...everyone, member("adam", "member")];
    const parts = byRole(members, new Set(["cleo"]), "en");
    expect(parts.map((part) => part.role)).toEqual(["owner", "admin", "ai", "member", "guest"]);
    expect(parts[3]?.members.map((one) => one.account_id)).toEqual(["cleo", "adam"]);
  });
  it("get roles from an owner, and up to member from an admin of those below", () => {
    expect(rolesFor(room(), "alice", of("bob"))).toEqual(["owner", "admin", "member", "guest"]);
    expect(rolesFor(room(), "bob", of("dave"))).toEqual(["member", "guest"]);
    expect(rolesFor(room(), "bob", of("alice"))).toEqual([]);
    expect(rolesFor(room(), "cleo", of("dave"))).toEqual([]);
    expect(rolesFor(room(), "alice", of("echo"))).toEqual([]);
  });
  it("are removed by who stands above them, never by themselves", () => {
    expect(mayRemove(room(), "bob", of("cleo"))).toBe(true);
    expect(mayRemove(room(), "bob", of("echo"))).toBe(true);
    expect(mayRemove(room(), "bob", of("alice"))).toBe(false);
    expect(mayRemove(room(), "alice", of("alice"))).toBe(false);
  });
  it("stay as they are in a direct room", () => {
    expect(rolesFor(room("direct"), "alice", of("bob"))).toEqual([]);
    expect(mayRemove(room("direct"), "alice", of("bob"))).toBe(false);
  });
  it("keep an owner", () => {
    expect(isLastOwner(room(), of("alice"))).toBe(true);
    expect(isLastOwner(room("room", [...everyone, member("zoe", "owner")]), of("alice"))).toBe(false);
    expect(isLastOwner(room(), of("bob"))).toBe(false);
  });
});

describe("an invite", () => {
  const invite = (more: Partial<InviteView>): InviteView => ({
    id: "i",
    created_by: "alice",
    role: "member",
    created_at: AT,
    ...more,
  });
  const now = new Date(AT).getTime();
  it("counts until it is used up, over or revoked", () => {
    expect(counts(invite({}), now)).toBe(true);
    expect(counts(invite({ uses_left: 1, expires_at: "2026-11-22T10:00:01Z" }), now)).toBe(true);
    expect(counts(invite({ uses_left: 0 }), now)).toBe(false);
    expect(counts(invite({ expires_at: AT }), now)).toBe(false);
    expect(counts(invite({ revoked_at: AT }), now)).toBe(false);
  });
  it("gives at most the role that its maker may give", () => {
    expect(rolesUpTo("admin")).toEqual(["admin", "member", "guest"]);
    expect(rolesUpTo("member")).toEqual(["member", "guest"]);
    expect(rolesUpTo(undefined)).toEqual([]);
  });
});
