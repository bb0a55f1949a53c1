import { describe, expect, it } from "vitest";
import { type Answers, fakeClient } from "../../../gallery/fake";
import { DEPLOY, deployRoom, sam } from "../../../gallery/rooms";
import { Refused } from "../../connection/types";
import type { WorkspaceEntry } from "../../protocol/api";
import type { FileChange, FilesChanged } from "../../protocol/wire";
import { filesFor } from "./offering";

const entry = (name: string, kind: WorkspaceEntry["kind"] = "file"): WorkspaceEntry => ({
  name,
  kind,
  size: 1,
  modified_at: "2026-01-01T00:00:00Z",
});

const folders: Readonly<Record<string, readonly WorkspaceEntry[]>> = {
  "": [entry("README.md"), entry("src", "folder"), entry("re\u202Ecod.md")],
  src: [entry("server.py"), entry("serve.md"), entry("tests", "folder")],
};

function changed(seq: number, path: string, kind: FileChange["kind"] = "changed"): FilesChanged {
  return {
    type: "files_changed",
    id: `E${seq}`,
    room_id: DEPLOY,
    seq,
    at: "2026-01-01T00:00:00Z",
    actor_id: sam.id,
    changes: [{ path, kind }],
    before: "a",
    after: "b",
  };
}

function room(...notices: readonly FilesChanged[]) {
  const asked: string[] = [];
  const answers: Answers = {
    "GET /api/v1/rooms/{room_id}/workspace": ({ query }) => {
      const path = query !== undefined && "path" in query ? String(query.path) : "";
      asked.push(path);
      if (path === "away") throw new Refused("offline", "there is no connection");
      const entries = folders[path];
      if (entries === undefined) throw new Error("no such folder");
      return { path, entries };
    },
  };
  const state = { ...deployRoom(), calls: new Map(), notices };
  const client = fakeClient({ answers, states: [state] });
  const found = async (query: string) =>
    (await filesFor(query, client.room(DEPLOY), client.rest)).map((hit) => hit.path + (hit.isFolder ? "/" : ""));
  return { found, asked };
}

describe("files after an @", () => {
  it("are the last changed ones, before a letter is written; nothing is asked for them", async () => {
    const { found, asked } = room(
      changed(1, "a.md"),
      changed(2, "b.md"),
      changed(3, "gone.md", "removed"),
      changed(4, "deep/c.md"),
      changed(5, "d.md"),
    );
    expect(await found("")).toEqual(["d.md", "deep/c.md", "b.md"]);
    expect(asked).toEqual([]);
  });

  it("are those of the folder that is written, folders first, and those changed anywhere below it", async () => {
    const { found, asked } = room(changed(1, "src/web/serving.ts"), changed(2, "other/server.py"));
    expect(await found("src/")).toEqual(["src/tests/", "src/serve.md", "src/server.py"]);
    expect(await found("src/serv")).toEqual(["src/serve.md", "src/server.py", "src/web/serving.ts"]);
    expect(await found("serv")).toEqual(["other/server.py", "src/web/serving.ts"]);
    expect(asked).toEqual(["src", ""]);
  });

  it("have no name that hides something", async () => {
    const { found } = room(changed(1, "re\u202Eport.md"));
    expect(await found("re")).toEqual(["README.md"]);
    expect(await found("")).toEqual([]);
  });

  it("are not asked for with each letter where there are none; without a connection they are", async () => {
    const { found, asked } = room();
    expect([await found("none/a"), await found("none/ab")]).toEqual([[], []]);
    expect([await found("away/a"), await found("away/ab")]).toEqual([[], []]);
    expect(asked).toEqual(["none", "away", "away"]);
  });
});
