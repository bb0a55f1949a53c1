import { expect, test } from "vitest";
import { emptyForm, formOf, type GivenRule, problemsOf, ruleOf, TYPES, whole, withRule, wordsOf } from "./triggerForms";

const rules: readonly GivenRule[] = [
  { id: "mention", type: "mention" },
  { id: "reply", type: "reply", is_on: false, ai_id: "01AI", cooldown_s: 3, per_min: 7 },
  { id: "threads", type: "thread", idle_s: 900 },
  { id: "deploys", type: "keyword", words: ["deploy", "回滚"], cooldown_s: 60 },
  { id: "digest", type: "every", messages: 50 },
  {
    id: "standup",
    type: "schedule",
    at: "09:00:00",
    zone: "Europe/Berlin",
    days: [1, 5],
    prompt: "What is open?",
    set_by: "01MEI",
  },
  { id: "ci", type: "webhook", prompt: "A build has ended.", set_by: "01MEI", key: "01KEY" },
];

test("each kind of rule goes into its form and comes back as it was, with what is usual filled in", () => {
  expect(rules.map((rule) => rule.type)).toEqual(TYPES);
  for (const rule of rules) expect(ruleOf(formOf(rule), [], rule)).toEqual(whole(rule));
});

test("what the server fills in is what it says of its own rules", () => {
  expect(whole({ id: "m", type: "mention" })).toMatchObject({ is_on: true, cooldown_s: 0, per_min: 30 });
  expect(whole({ id: "t", type: "thread" })).toMatchObject({ is_on: true, cooldown_s: 5, per_min: 10, idle_s: 600 });
});

test("a new rule has a name that no other has", () => {
  expect(emptyForm("webhook", [], "UTC").id).toBe("webhook");
  expect(emptyForm("webhook", ["webhook", "webhook-2"], "UTC").id).toBe("webhook-3");
});

test("what the server would refuse is told by field and makes no rule", () => {
  const keyword = { ...emptyForm("keyword", [], "UTC"), words: "deploy" };
  expect(problemsOf(keyword, [])).toEqual({});
  for (const [change, field] of [
    [{ id: "Deploys" }, "id"],
    [{ id: "taken" }, "id"],
    [{ cooldownS: "86401" }, "cooldownS"],
    [{ cooldownS: "" }, "cooldownS"],
    [{ perMin: "0" }, "perMin"],
    [{ words: " , \n" }, "words"],
    [{ words: "x" }, "words"],
    [{ prompt: "a".repeat(2_001) }, "prompt"],
  ] as const) {
    const form = { ...keyword, ...change };
    expect(problemsOf(form, ["taken"])).toEqual({ [field]: true });
    expect(ruleOf(form, ["taken"])).toBeUndefined();
  }
  expect(problemsOf({ ...emptyForm("every", [], "UTC"), messages: "1001" }, [])).toEqual({ messages: true });
  expect(problemsOf({ ...emptyForm("thread", [], "UTC"), idleS: "0" }, [])).toEqual({ idleS: true });
  expect(problemsOf({ ...emptyForm("schedule", [], "Not A Zone"), at: "24:00" }, [])).toEqual({ at: true, zone: true });
});

test("a field of another kind of rule does no harm", () => {
  const form = { ...emptyForm("mention", [], "Not A Zone"), words: "", messages: "", idleS: "" };
  expect(ruleOf(form, [])).toEqual({ id: "mention", type: "mention", is_on: true, cooldown_s: 0, per_min: 30 });
});

test("words are separated by lines and commas of both scripts, once each", () => {
  expect(wordsOf("deploy, rollback\n回滚，发布、deploy\n")).toEqual(["deploy", "rollback", "回滚", "发布"]);
});

test("a changed rule stands where it stood, a new one behind", () => {
  const changed = whole({ id: "answers", type: "reply" });
  expect(withRule(rules, changed, "reply").map((rule) => rule.id)[1]).toBe("answers");
  expect(withRule(rules, changed, "reply")).toHaveLength(rules.length);
  expect(withRule(rules, changed, undefined).at(-1)).toBe(changed);
});
