// @vitest-environment happy-dom
/** Times that are told as long ago grow older before the eyes, all at one tick, and only where somebody can see it. */

import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import "./i18n";
import { Time } from "./Time";

const FIRST = Date.UTC(2026, 10, 22, 12, 0, 0);
const AT = new Date(FIRST - 10_000).toISOString();

let root: Root;
let place: HTMLElement;
let isHidden: boolean;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers({ now: FIRST });
  isHidden = false;
  vi.spyOn(document, "hidden", "get").mockImplementation(() => isHidden);
  place = document.createElement("div");
  root = createRoot(place);
});
afterEach(async () => {
  await act(async () => root.unmount());
  expect(vi.getTimerCount()).toBe(0);
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const show = (...times: readonly (readonly [string, "relative" | "time"])[]) =>
  act(async () => root.render(times.map(([at, as]) => <Time key={at + as} at={at} as={as} />)));
const pass = (ms: number) => act(async () => vi.advanceTimersByTime(ms));
const said = () => [...place.querySelectorAll("time")].map((one) => one.textContent);
async function turn(hidden: boolean): Promise<void> {
  isHidden = hidden;
  await act(async () => document.dispatchEvent(new Event("visibilitychange")));
}

test("what was said now is some minutes old after some minutes, by one timer for all", async () => {
  const older = new Date(FIRST - 59 * 60_000).toISOString();
  await show([AT, "relative"], [older, "relative"]);
  expect(vi.getTimerCount()).toBe(1);
  expect(said()).toEqual(["now", "59 minutes ago"]);
  await pass(60_000);
  expect(said()).toEqual(["1 minute ago", "1 hour ago"]);
  await pass(6 * 60_000);
  expect(said()[0]).toBe("7 minutes ago");
});

test("a time of day needs no tick", async () => {
  await show([AT, "time"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("nothing ticks while the page is hidden, and it is right when it is seen again", async () => {
  await show([AT, "relative"]);
  await turn(true);
  expect(vi.getTimerCount()).toBe(0);
  await pass(5 * 60_000);
  expect(said()).toEqual(["now"]);
  await turn(false);
  expect(said()).toEqual(["5 minutes ago"]);
  expect(vi.getTimerCount()).toBe(1);
});
