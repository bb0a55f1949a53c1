/** Which names can be taken for each other. */

import { expect, test } from "vitest";
import { lookAlikes, skeletonOf } from "./lookAlike";

const named = (...names: string[]) => names.map((display_name, place) => ({ account_id: String(place), display_name }));

test.each([
  ["Host", "host"],
  ["Host", "H\u043Est"],
  ["Host", " H o s t\u200B"],
  ["Mei Chen", "\u041Cei \u0421hen"],
  ["AI", "Al"],
  ["AI", "\uFF21\uFF29"],
  ["Renée", "Renee"],
  ["modern", "modem"],
  ["\u0430\u0440\u0440\u04CF\u0435", "apple"],
  ["Ν\u03BFra", "Nora"],
  ["b0b", "Bob"],
])("%s looks like %s", (one, other) => {
  expect([...lookAlikes(named(one, other))].sort()).toEqual(["0", "1"]);
});

test("names that nobody takes for each other stay as they are", () => {
  const names = named("Mei", "Ana", "Sam", "Sam B", "陈梅", "陳美", "Анна", "Ольга", "مريم", "DeepSeek", "AI");
  expect([...lookAlikes(names)]).toEqual([]);
});

test("one person twice, as a member and as one who was, is no other", () => {
  const [mei] = named("Mei");
  expect(mei).toBeDefined();
  if (mei !== undefined) expect(lookAlikes([mei, { ...mei }]).size).toBe(0);
});

test("a name of nothing but signs is like another such", () => {
  expect(skeletonOf("\u{1F600}\u200B")).toBe("");
  expect(lookAlikes(named("!!!", "???")).size).toBe(2);
});
