import { expect, test } from "vitest";
import { opened, pass, server, textsIn } from "./client.fixture";
import { ME } from "./fakeServer";

const becomes = (role: string) => server.commit({ type: "role_changed", actor_id: "sam", account_id: ME.id, role });

test("a role that sees the workspace, or sees it no more, is given the room anew", async () => {
  server.post("before");
  const client = await opened();
  expect(server.heard("join")).toHaveLength(1);
  becomes("guest");
  await pass();
  expect(server.heard("join")).toHaveLength(2);
  expect(server.heard("join")[1]).not.toHaveProperty("after");
  server.post("after");
  await pass();
  expect(textsIn(client)).toEqual(["before", "after"]);
});

test("a role that sees as much as the one before leaves the room as it is", async () => {
  await opened();
  becomes("member");
  await pass();
  expect(server.heard("join")).toHaveLength(1);
});
