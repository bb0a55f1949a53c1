import { describe, expect, it } from "vitest";
import type { Member } from "../../protocol/wire";
import {
  addressedAis,
  defaultAiOf,
  matchingMentions,
  mentionAt,
  mentionables,
  withFile,
  withMention,
} from "./mentions";

const member = (id: string, name: string, kind: Member["kind"] = "human", joined = 1): Member => ({
  account_id: id,
  kind,
  handle: id,
  display_name: name,
  role: kind === "ai" ? "ai" : "member",
  joined_at: "2026-11-01T00:00:00Z",
  joined_seq: joined,
});
const members = [
  member("alice", "Alice Meyer"),
  member("bob", "Bob"),
  member("mei", "陈美"),
  member("deepseek", "DeepSeek", "ai", 3),
  member("echo", "Echo", "ai", 2),
];
const byId = new Map(members.map((one) => [one.account_id, one]));
const all = mentionables(members, "alice", new Set(["mei"]), "deepseek");
const handles = (query: string) => matchingMentions(query, all).map((one) => one.handle);

describe("the mention at the caret", () => {
  it("is what stands between the @ and the caret", () => {
    expect(mentionAt("hello @me", 9)).toEqual({ start: 6, query: "me" });
    expect(mentionAt("@", 1)).toEqual({ start: 0, query: "" });
    expect(mentionAt("hello @me there", 15)).toBeUndefined();
  });
  it("touches Chinese words, and is no part of an address", () => {
    expect(mentionAt("你好@陈", 4)).toEqual({ start: 2, query: "陈" });
    expect(mentionAt("bob@exam", 8)).toBeUndefined();
    expect(mentionAt("a/@b", 4)).toBeUndefined();
  });
  it("is none in code", () => {
    expect(mentionAt("`a @b", 5)).toBeUndefined();
    expect(mentionAt("```\n@b", 6)).toBeUndefined();
    expect(mentionAt("`a` @b", 6)).toEqual({ start: 4, query: "b" });
  });
});

describe("who is offered", () => {
  it("has the default AI first, then AIs, who is here, the others, and the groups", () => {
    expect(handles("")).toEqual(["deepseek", "echo", "mei", "bob", "all", "here"]);
  });
  it("leaves out oneself", () => {
    expect(handles("alice")).toEqual([]);
  });
  it("puts a handle's beginning before a word's, and that before the middle", () => {
    const more = mentionables(
      [member("seeker", "Ann"), member("x1", "Big Seeker"), member("x2", "Overseer"), member("deepseek", "D", "ai")],
      "alice",
      new Set(),
      undefined,
    );
    expect(matchingMentions("see", more).map((one) => one.handle)).toEqual(["seeker", "x1", "deepseek", "x2"]);
  });
  it("knows names in Chinese", () => {
    expect(handles("陈")).toEqual(["mei"]);
    expect(handles("美")).toEqual(["mei"]);
  });
  it("takes @ai for the default AI", () => {
    expect(handles("ai")[0]).toBe("deepseek");
  });
  it("offers a role only when it is being written", () => {
    expect(handles("own")).toEqual(["owner"]);
  });
});

describe("taking one", () => {
  it("puts the handle and a blank, with the caret behind", () => {
    expect(withMention("hi @me", { start: 3, query: "me" }, 6, "mei")).toEqual({ text: "hi @mei ", caret: 8 });
  });
  it("does not double a blank that is there", () => {
    expect(withMention("hi @me you", { start: 3, query: "me" }, 6, "mei")).toEqual({ text: "hi @mei you", caret: 8 });
  });
});

describe("taking a file", () => {
  const place = { start: 3, query: "re" };
  it("puts its path as code, whatever is in it", () => {
    expect(withFile("see@re", place, 6, { path: "docs/a b.md", isFolder: false })).toEqual({
      text: "see`docs/a b.md` ",
      caret: 17,
    });
    expect(withFile("in @re!", place, 6, { path: "a`b", isFolder: false })).toEqual({
      text: "in `` a`b `` !",
      caret: 13,
    });
  });
  it("goes into a folder: what is in it comes next", () => {
    const gone = withFile("in @re!", place, 6, { path: "src", isFolder: true });
    expect(gone).toEqual({ text: "in @src/!", caret: 8 });
    expect(mentionAt(gone.text, gone.caret)).toEqual({ start: 3, query: "src/" });
  });
});

describe("the AIs that a text addresses", () => {
  it("are those named, and the default one for @ai", () => {
    expect(addressedAis("@ai and @Echo.", byId, "deepseek")).toEqual(["deepseek", "echo"]);
    expect(addressedAis("请@deepseek看一下", byId, "deepseek")).toEqual(["deepseek"]);
    expect(addressedAis("mail me@echo", byId, "deepseek")).toEqual([]);
  });
  it("have as default the one that the room says, else the first that joined", () => {
    expect(defaultAiOf(byId, "deepseek")).toBe("deepseek");
    expect(defaultAiOf(byId, undefined)).toBe("echo");
    expect(defaultAiOf(byId, "gone")).toBe("echo");
  });
});
