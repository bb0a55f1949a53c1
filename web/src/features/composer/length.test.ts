import { describe, expect, it } from "vitest";
import { lengthLeft } from "./length";

const bounds = { text: 100, bytes: 200 };

describe("what is left of a message's length", () => {
  it("is not said while there is plenty", () => {
    expect(lengthLeft("a".repeat(50), bounds)).toBeUndefined();
  });
  it("counts signs, an emoji as one", () => {
    expect(lengthLeft("a".repeat(95), bounds)).toBe(5);
    expect(lengthLeft("a".repeat(103), bounds)).toBe(-3);
    expect(lengthLeft("😀".repeat(46), { text: 50, bytes: 10_000 })).toBe(4);
  });
  it("counts bytes where they are the tighter bound, as in Chinese", () => {
    expect(lengthLeft("你".repeat(64), bounds)).toBe(2);
    expect(lengthLeft("你".repeat(68), bounds)).toBe(-2);
  });
});
