import { describe, expect, it } from "vitest";
import { initials } from "./Avatar";

describe("initials", () => {
  it("are the first letters of the first and the last word", () => {
    expect(["mei lin", "Sam", "Jordan van Okafor", "ada-lovelace"].map(initials)).toEqual(["ML", "S", "JO", "AL"]);
  });
  it("are one sign where either is as wide as high", () => {
    expect(["林悦", "Bob 王", "王 Bob", "김 민지", "Mei 🌊", "🌊 Mei"].map(initials)).toEqual([
      "林",
      "B",
      "王",
      "김",
      "M",
      "🌊",
    ]);
  });
  it("are there without a name", () => {
    expect(initials(" ")).toBe("?");
  });
});
