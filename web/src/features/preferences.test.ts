// @vitest-environment happy-dom
/** Several people may sign in at one browser, one after the other: each finds what is theirs, and nothing else. */

import { beforeEach, expect, test } from "vitest";
import {
  drafts,
  keepFor,
  lastPane,
  lastRoom,
  marked,
  muted,
  notifies,
  readDraft,
  setMarked,
  setMuted,
  singleKeys,
  theme,
  writeDraft,
} from "./preferences";

beforeEach(() => {
  localStorage.clear();
  keepFor("nobody");
  keepFor("alice");
});

test("drafts, muted rooms and the place where one was are those of the account", () => {
  writeDraft("room", "alice's secret plan");
  setMuted("noisy", true);
  lastRoom.choose("room");
  lastPane.choose("files");
  keepFor("bob");
  expect(readDraft("room")).toBe("");
  expect([...drafts.get()]).toEqual([]);
  expect([...muted.get()]).toEqual([]);
  expect([lastRoom.get(), lastPane.get()]).toEqual(["", ""]);
});

test("what another account kept is there again when it comes back", () => {
  writeDraft("room", "to be continued");
  setMuted("noisy", true);
  lastRoom.choose("room");
  keepFor("bob");
  writeDraft("room", "bob's own words");
  setMuted("noisy", false);
  keepFor("alice");
  expect(readDraft("room")).toBe("to be continued");
  expect([...drafts.get()]).toEqual(["room"]);
  expect([...muted.get()]).toEqual(["noisy"]);
  expect(lastRoom.get()).toBe("room");
});

test("how the page looks is a matter of the browser", () => {
  theme.choose("dark");
  singleKeys.choose("off");
  keepFor("bob");
  expect([theme.get(), singleKeys.get()]).toEqual(["dark", "off"]);
});

test("whoever looks at the drafts is told when they are another's", () => {
  writeDraft("room", "words");
  const seen: number[] = [];
  const end = drafts.subscribe(() => seen.push(drafts.get().size));
  keepFor("bob");
  keepFor("alice");
  end();
  expect(seen).toEqual([0, 1]);
});

test("whether the desktop is told is off at first, and of the account", () => {
  expect(notifies.get()).toBe("off");
  notifies.choose("on");
  keepFor("bob");
  expect(notifies.get()).toBe("off");
  keepFor("alice");
  expect(notifies.get()).toBe("on");
});

test("what another page of the browser mutes or switches holds here too", () => {
  const elsewhere = (key: string, value: string) => {
    localStorage.setItem(key, value);
    window.dispatchEvent(new StorageEvent("storage", { key, newValue: value }));
  };
  elsewhere("multiplayer.of alice.notifies", "on");
  elsewhere("multiplayer.of alice.muted", "noisy");
  expect([notifies.get(), ...muted.get()]).toEqual(["on", "noisy"]);
  elsewhere("multiplayer.of bob.notifies", "off");
  expect(notifies.get()).toBe("on");
});

test("rooms marked as unread are kept for their account, with the message from which on", () => {
  keepFor("mei");
  setMarked("r1", "m1");
  setMarked("r2", "m2");
  setMarked("r1", "m3");
  keepFor("sam");
  expect([...marked.get()]).toEqual([]);
  keepFor("mei");
  expect([...marked.get()]).toEqual([
    ["r1", "m3"],
    ["r2", "m2"],
  ]);
  setMarked("r1", undefined);
  setMarked("r2", undefined);
  keepFor("sam");
  keepFor("mei");
  expect(marked.get().size).toBe(0);
});
