import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withNextFrame } from "./frames";

let frames: Map<number, () => void>;

beforeEach(() => {
  vi.useFakeTimers();
  frames = new Map();
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => {
    const id = frames.size + 1;
    frames.set(id, run);
    return id;
  });
  vi.stubGlobal("cancelAnimationFrame", (id: number) => frames.delete(id));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("what came is shown with the next frame, and once", async () => {
  let runs = 0;
  withNextFrame(() => runs++);
  expect(runs).toBe(0);
  for (const run of [...frames.values()]) run();
  expect(runs).toBe(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(runs).toBe(1);
});

test("a page that is given no frames goes on all the same", async () => {
  let runs = 0;
  withNextFrame(() => runs++);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(runs).toBe(1);
  expect(frames.size).toBe(0);
});
