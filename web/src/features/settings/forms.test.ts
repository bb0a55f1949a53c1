import { expect, test } from "vitest";
import { changedFields } from "./changedFields";
import { standingOf, unfolded, withConsent, withoutConsent } from "./consents";
import { isSameRetention, retentionForm, retentionIn } from "./retentionForm";
import { standingUntil, withoutStanding, withStanding } from "./standing";

const NOW = Date.UTC(2026, 10, 22);

test("a rule of how long things are kept goes into its fields and back", () => {
  for (const rule of [
    {},
    { messages_days: 90 },
    { files_days: 30, keeps_pinned: false },
    { messages_days: 1, files_days: 3650 },
  ]) {
    const back = retentionIn(retentionForm(rule));
    expect(back !== undefined && isSameRetention(back, rule)).toBe(true);
  }
});

test("what is no number of days is no rule", () => {
  for (const messages of ["0", "3651", "-1", "1.5", "ten"]) {
    expect(retentionIn({ messages, files: "", keepsPinned: true })).toBeUndefined();
    expect(retentionIn({ messages: "", files: messages, keepsPinned: true })).toBeUndefined();
  }
});

test("rules that keep differently are not the same", () => {
  expect(isSameRetention({}, { keeps_pinned: true })).toBe(true);
  expect(isSameRetention({}, { keeps_pinned: false })).toBe(false);
  expect(isSameRetention({ messages_days: 90 }, { files_days: 90 })).toBe(false);
});

test("a class has one standing rule, and those that have ended go", () => {
  const old = { tool_class: "write", until: new Date(NOW - 1000).toISOString() } as const;
  const terminal = { tool_class: "terminal", until: new Date(NOW + 1000).toISOString(), set_by: "01SAM" } as const;
  const until = standingUntil("week", NOW);
  expect(withStanding([old, terminal], "network", until, NOW)).toEqual([terminal, { tool_class: "network", until }]);
  expect(withStanding([terminal], "terminal", until, NOW)).toEqual([{ tool_class: "terminal", until }]);
  expect(withoutStanding([terminal], "terminal")).toEqual([]);
});

test("the longest standing rule ends within the server's thirty days", () => {
  expect(Date.parse(standingUntil("month", NOW)) - NOW).toBeLessThan(30 * 86_400_000);
});

test("a tool has one consent, to one definition", () => {
  const one = { server: "wiki", tool: "search", sha256: "a".repeat(64) };
  const changed = { ...one, sha256: "b".repeat(64) };
  const other = { ...one, server: "time" };
  expect(withConsent([one, other], changed)).toEqual([other, changed]);
  expect(withoutConsent([one, other], "wiki", "search")).toEqual([other]);
  expect(standingOf({ state: "something new" })).toBe("new");
});

test("a schema is unfolded, and shown as it is where it was cut", () => {
  expect(unfolded('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(unfolded('{"a":')).toBe('{"a":');
});

test("of settings only the names of what changed are told", () => {
  expect(changedFields('{"a":1,"b":[1]}', '{"a":2,"b":[1],"c":true}')).toEqual(["a", "c"]);
  expect(changedFields("member", "admin")).toBeUndefined();
});
