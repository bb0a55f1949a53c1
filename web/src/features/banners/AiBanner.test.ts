/** Which word about a room's AIs is said: only of those that are there, and the worst one. */

import { expect, test } from "vitest";
import type { AiOffer } from "../../protocol/api";
import { toldOf } from "./AiBanner";

const offer = (account_id: string, more: Partial<AiOffer> = {}): AiOffer => ({
  account_id,
  handle: account_id,
  name: account_id.toUpperCase(),
  provider: "auto",
  answers_with: "a model",
  is_demo: false,
  can_answer: true,
  ...more,
});

test("nothing is said of AIs with a model, nor of those that are elsewhere", () => {
  expect(toldOf([offer("ai")], ["ai"])).toBeUndefined();
  expect(toldOf([offer("ai"), offer("demo", { is_demo: true })], ["ai"])).toBeUndefined();
});

test("the built-in demo is called that", () => {
  expect(toldOf([offer("ai", { is_demo: true })], ["ai"])).toEqual({ kind: "demo", name: "AI" });
});

test("one that cannot answer matters more, but not where another answers in its place", () => {
  const silent = offer("deep", { can_answer: false, answers_with: "" });
  expect(toldOf([offer("ai", { is_demo: true }), silent], ["ai", "deep"])).toEqual({ kind: "silent", name: "DEEP" });
  const helped = offer("deep", { can_answer: false, answers_with: "the built-in demo", is_demo: true });
  expect(toldOf([helped], ["deep"])).toEqual({ kind: "demo", name: "DEEP" });
});
