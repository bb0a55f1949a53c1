import { describe, expect, it } from "vitest";
import { handlesIn, withoutAt, wordAtEnd } from "./handles";

describe("handles in a field", () => {
  it("are read however they are set apart", () => {
    expect(handlesIn(" @mei,  sam、＠lin @mei")).toEqual(["mei", "sam", "lin"]);
    expect(handlesIn(" @ ")).toEqual([]);
  });
  it("may have an @ before them", () => {
    expect([" @mei ", "＠mei", "mei"].map(withoutAt)).toEqual(["mei", "mei", "mei"]);
  });
  it("are begun after the last thing that stands between two", () => {
    expect(wordAtEnd("@mei sa")).toEqual({ start: 5, query: "sa" });
    expect(wordAtEnd("mei，＠sa")).toEqual({ start: 4, query: "sa" });
    expect(wordAtEnd("@mei ")).toEqual({ start: 5, query: "" });
    expect(wordAtEnd("")).toEqual({ start: 0, query: "" });
  });
});
