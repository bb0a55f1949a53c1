import { expect, test } from "vitest";
import { created, folded, head, member, posted } from "../../room/scenes.fixture";
import { beginningOf } from "./beginnings";
import { pinsSeen } from "./pins";
import { bySection, differs, draftsOf, editsOf } from "./pointEdits";
import { partsOf } from "./shares";

const point = { id: "p1", section: "facts", text: "The port is 3002.", sources: [] } as const;
const other = { id: "p2", section: "topic", text: "Releases", sources: [] } as const;
const summary = { version: 3, up_to_seq: 9, method: "edited", points: [point, other], taint: [] };

test("points stand under their headings, in the order of the headings", () => {
  expect(bySection([point, other]).map((one) => one.section)).toEqual(["topic", "facts"]);
});

test("what was not touched is sent as it was, and changes nothing", () => {
  const drafts = draftsOf(summary);
  expect(editsOf(drafts)).toEqual([
    { id: "p1", section: "facts", text: "The port is 3002." },
    { id: "p2", section: "topic", text: "Releases" },
  ]);
  expect(differs(drafts, summary.points)).toBe(false);
});

test("a new point has no id, an emptied one goes, and both are changes", () => {
  const [first, second] = draftsOf(summary);
  if (first === undefined || second === undefined) throw new Error("there are two");
  const added = [first, second, { key: "new", id: undefined, section: "other", text: "  two\nlines " } as const];
  expect(editsOf(added).at(-1)).toEqual({ section: "other", text: "two lines" });
  expect(differs(added, summary.points)).toBe(true);
  expect(editsOf([{ ...first, text: "  " }, second])).toHaveLength(1);
  expect(differs([second, first], summary.points)).toBe(true);
  // The same words as a point of one's own are kept from now on.
  expect(differs([{ ...first, id: undefined }, second], summary.points)).toBe(true);
});

test("parts of a prompt are shares of its budget, or of themselves where they are more", () => {
  const share = { rules: 10, tools: 0, room: 0, summary: 0, messages: 30, results: 0 };
  expect(partsOf(share, 100)).toEqual([
    { part: "rules", tokens: 10, share: 0.1 },
    { part: "messages", tokens: 30, share: 0.3 },
  ]);
  expect(partsOf(share, 20).reduce((sum, one) => sum + one.share, 0)).toBeCloseTo(1);
  expect(partsOf({ ...share, rules: 0, messages: 0 }, 0)).toEqual([]);
});

test("a message begins on one line, is never cut within a sign, and is told by its files if it has no words", () => {
  expect(beginningOf({ text: " two\n\nlines " })).toBe("two lines");
  const cut = beginningOf({ text: "🚀".repeat(300) });
  expect([...cut].slice(0, -1).every((sign) => sign === "🚀")).toBe(true);
  expect(cut.endsWith("…")).toBe(true);
});

test("the last that was pinned comes first; who may not read what was before has only pins that are here", () => {
  const pinned = (seq: number, message_id: string) => ({
    ...head(seq, "alice"),
    type: "message_pinned" as const,
    message_id,
  });
  const guests = [member("alice", "owner"), member("gus", "guest", 5)];
  const state = (guests_see_history: boolean) => {
    const base = created();
    const members = new Map(guests.map((one) => [one.account_id, one]));
    const room = { ...base.room, settings: { guests_see_history } };
    const events = [posted(2, "alice"), posted(3, "alice"), pinned(4, "m3"), pinned(5, "before"), pinned(6, "m2")];
    return folded(events, "alice", { ...base, members, room });
  };
  expect(pinsSeen(state(false), "alice")).toEqual(["m2", "before", "m3"]);
  expect(pinsSeen(state(true), "gus")).toEqual(["m2", "before", "m3"]);
  expect(pinsSeen(state(false), "gus")).toEqual(["m2", "m3"]);
});
