/** The room's rules as they are filled in, and back: every field is a text, and only a right one becomes a rule. */

import type {
  EveryRule,
  KeywordRule,
  MentionRule,
  ReplyRule,
  ScheduleRule,
  ThreadRule,
  WebhookRule,
} from "../../protocol/api";
import type { RoomSettings } from "../../protocol/wire";

/** As the room has them: what is usual may be left out. */
export type GivenRule = NonNullable<RoomSettings["triggers"]>[number];
/** With all fields. */
export type Rule = MentionRule | ReplyRule | ThreadRule | KeywordRule | EveryRule | ScheduleRule | WebhookRule;
export type RuleType = Rule["type"];

export const TYPES: readonly RuleType[] = ["mention", "reply", "thread", "keyword", "every", "schedule", "webhook"];
export const MOST_RULES = 20;

export interface RuleForm {
  readonly type: RuleType;
  readonly id: string;
  readonly isOn: boolean;
  /** Empty: whoever is addressed, or the default AI. */
  readonly aiId: string;
  readonly cooldownS: string;
  readonly perMin: string;
  /** thread */
  readonly idleS: string;
  /** keyword: one a line, or separated by commas */
  readonly words: string;
  /** every */
  readonly messages: string;
  /** schedule, webhook */
  readonly prompt: string;
  /** schedule */
  readonly at: string;
  readonly zone: string;
  readonly days: readonly number[];
}

export type RuleField = "id" | "cooldownS" | "perMin" | "idleS" | "words" | "messages" | "prompt" | "at" | "zone";
export type RuleProblems = Partial<Record<RuleField, true>>;

const usual = (type: RuleType) =>
  type === "mention" || type === "reply" ? { cooldown: 0, perMin: 30 } : { cooldown: 5, perMin: 10 };
const IDLE_S = 600;

/** A rule with what the server would add where it is left out. */
export function whole(rule: GivenRule): Rule {
  const frame = {
    is_on: rule.is_on ?? true,
    cooldown_s: rule.cooldown_s ?? usual(rule.type).cooldown,
    per_min: rule.per_min ?? usual(rule.type).perMin,
  };
  // Each by itself, so that the type of the rule stays known.
  switch (rule.type) {
    case "thread":
      return { ...rule, ...frame, idle_s: rule.idle_s ?? IDLE_S };
    case "mention":
    case "reply":
      return { ...rule, ...frame, type: rule.type };
    case "keyword":
      return { ...rule, ...frame };
    case "every":
      return { ...rule, ...frame };
    case "schedule":
      return { ...rule, ...frame, zone: rule.zone ?? "UTC" };
    case "webhook":
      return { ...rule, ...frame };
  }
}

export function emptyForm(type: RuleType, taken: readonly string[], zone: string): RuleForm {
  return {
    type,
    id: freeId(type, taken),
    isOn: true,
    aiId: "",
    cooldownS: String(usual(type).cooldown),
    perMin: String(usual(type).perMin),
    idleS: String(IDLE_S),
    words: "",
    messages: "20",
    prompt: "",
    at: "09:00",
    zone,
    days: [],
  };
}

function freeId(type: string, taken: readonly string[]): string {
  if (!taken.includes(type)) return type;
  for (let number = 2; ; number += 1) {
    if (!taken.includes(`${type}-${number}`)) return `${type}-${number}`;
  }
}

export function formOf(given: GivenRule): RuleForm {
  const rule = whole(given);
  return {
    ...emptyForm(rule.type, [], "UTC"),
    id: rule.id,
    isOn: rule.is_on,
    aiId: rule.ai_id ?? "",
    cooldownS: String(rule.cooldown_s),
    perMin: String(rule.per_min),
    ...(rule.type === "thread" ? { idleS: String(rule.idle_s) } : {}),
    ...(rule.type === "keyword" ? { words: rule.words.join("\n") } : {}),
    ...(rule.type === "every" ? { messages: String(rule.messages) } : {}),
    ...(rule.type === "schedule" || rule.type === "webhook" ? { prompt: rule.prompt ?? "" } : {}),
    ...(rule.type === "schedule"
      ? // Seconds are cut: a form has none.
        { at: rule.at.slice(0, 5), zone: rule.zone ?? "UTC", days: [...(rule.days ?? [])] }
      : {}),
  };
}

export function wordsOf(text: string): readonly string[] {
  const words = text
    .split(/[\n,，、]/)
    .map((word) => word.trim())
    .filter((word) => word !== "");
  return [...new Set(words)];
}

function numberIn(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,9}$/.test(text.trim())) return undefined;
  const number = Number(text);
  return number >= min && number <= max ? number : undefined;
}

/** What of it the server would refuse. `others`: ids of the room's other rules. */
export function problemsOf(form: RuleForm, others: readonly string[]): RuleProblems {
  const words = wordsOf(form.words);
  const wrong: Record<RuleField, boolean> = {
    id: !/^[a-z0-9][a-z0-9_-]{0,31}$/.test(form.id) || others.includes(form.id),
    cooldownS: numberIn(form.cooldownS, 0, 86_400) === undefined,
    perMin: numberIn(form.perMin, 1, 600) === undefined,
    idleS: form.type === "thread" && numberIn(form.idleS, 1, 604_800) === undefined,
    words:
      form.type === "keyword" &&
      (words.length === 0 || words.length > 20 || words.some((word) => word.length < 2 || word.length > 64)),
    messages: form.type === "every" && numberIn(form.messages, 1, 1_000) === undefined,
    prompt: form.prompt.length > 2_000,
    at: form.type === "schedule" && !/^([01]\d|2[0-3]):[0-5]\d$/.test(form.at),
    zone: form.type === "schedule" && !/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/.test(form.zone),
  };
  const problems: RuleProblems = {};
  for (const [field, isWrong] of Object.entries(wrong)) {
    if (isWrong && isField(field)) problems[field] = true;
  }
  return problems;
}

const FIELDS: readonly string[] = ["id", "cooldownS", "perMin", "idleS", "words", "messages", "prompt", "at", "zone"];
const isField = (name: string): name is RuleField => FIELDS.includes(name);

/** undefined: something in it is wrong. `was`: the rule it was before, of which the server's own marks are kept. */
export function ruleOf(form: RuleForm, others: readonly string[], was?: GivenRule): Rule | undefined {
  if (Object.keys(problemsOf(form, others)).length > 0) return undefined;
  const base = {
    id: form.id,
    is_on: form.isOn,
    cooldown_s: Number(form.cooldownS),
    per_min: Number(form.perMin),
    ...(form.aiId === "" ? {} : { ai_id: form.aiId }),
  };
  const setBy =
    (was?.type === "schedule" || was?.type === "webhook") && was.set_by !== undefined ? { set_by: was.set_by } : {};
  switch (form.type) {
    case "mention":
    case "reply":
      return { ...base, type: form.type };
    case "thread":
      return { ...base, type: "thread", idle_s: Number(form.idleS) };
    case "keyword":
      return { ...base, type: "keyword", words: wordsOf(form.words) };
    case "every":
      return { ...base, type: "every", messages: Number(form.messages) };
    case "schedule":
      return {
        ...base,
        ...setBy,
        type: "schedule",
        prompt: form.prompt,
        at: `${form.at}:00`,
        zone: form.zone,
        days: [...form.days].sort((one, other) => one - other),
      };
    case "webhook":
      return {
        ...base,
        ...setBy,
        ...(was?.type === "webhook" && was.key !== undefined ? { key: was.key } : {}),
        type: "webhook",
        prompt: form.prompt,
      };
  }
}

/** The rules with this one in the place of the one it was, or behind them. */
export function withRule(rules: readonly GivenRule[], rule: Rule, was: string | undefined): readonly GivenRule[] {
  return was === undefined ? [...rules, rule] : rules.map((one) => (one.id === was ? rule : one));
}
