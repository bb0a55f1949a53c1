import { expect, test } from "vitest";
import { Backoff } from "./backoff";

test("each wait is between half and the whole of a doubling span, and never above thirty seconds", () => {
  for (const random of [0, 0.5, 0.999]) {
    const backoff = new Backoff(() => random);
    for (let tries = 0; tries < 100; tries++) {
      const spanMs = Math.min(30_000, 500 * 2 ** tries);
      const waitMs = backoff.nextMs();
      expect(waitMs).toBeGreaterThanOrEqual(spanMs / 2);
      expect(waitMs).toBeLessThanOrEqual(spanMs);
    }
  }
});

test("what the server asked for is waited beside it", () => {
  expect(new Backoff(() => 0).nextMs(1_730)).toBe(1_980);
});

test("it begins anew after a reset", () => {
  const backoff = new Backoff(() => 1);
  backoff.nextMs();
  backoff.nextMs();
  backoff.reset();
  expect(backoff.nextMs()).toBe(500);
});
