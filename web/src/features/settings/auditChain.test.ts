import { expect, test } from "vitest";
import type { AuditView } from "../../protocol/api";
import { verify } from "./auditChain";

// As the server's own chain sealed them.
const first: AuditView = {
  number: 1,
  at: "2026-11-22T05:00:00.123Z",
  actor_id: "01ACTOR",
  origin: "ws",
  action: "room_created",
  subject: "01ROOM",
  before: "",
  after: '客户支持 🚀 "a"\n\u007f/é',
  hash: "6bf74657e790917b9cbe7e8526054d249836857ea5a1d441f6169daae0c93192",
};
const second: AuditView = {
  number: 2,
  at: "2026-11-22T05:00:01.000Z",
  actor_id: null,
  origin: "cli",
  action: "room_exported",
  subject: "01ROOM",
  before: "",
  after: "zip",
  hash: "f5762eefcf43aa3d248d5495b9e49240179c8ca908f3a5cb9b8a40d9984200de",
};

test("a trail that the server sealed is found right, whatever signs stand in it", async () => {
  expect(await verify("01ROOM", [first, second])).toEqual({ kind: "right", entries: 2 });
});

test("a changed word, a missing entry and another room's trail are found", async () => {
  expect(await verify("01ROOM", [{ ...first, after: "another" }, second])).toEqual({ kind: "wrong", number: 1 });
  expect(await verify("01ROOM", [first, { ...second, actor_id: "01ACTOR" }])).toEqual({ kind: "wrong", number: 2 });
  expect(await verify("01ROOM", [second])).toEqual({ kind: "wrong", number: 1 });
  expect(await verify("01OTHER", [first, second])).toEqual({ kind: "wrong", number: 1 });
});

test("an entry that was sealed anew does not fit to the one after it", async () => {
  const resealed = { ...first, hash: second.hash };
  expect(await verify("01ROOM", [resealed, second])).toEqual({ kind: "wrong", number: 1 });
});
