import { describe, expect, it } from "vitest";
import { suggestedHandle } from "./suggestedHandle";

describe("the handle that a name suggests", () => {
  it("has only what a handle may have, in small letters", () => {
    expect(suggestedHandle("Ana Lin")).toBe("ana-lin");
    expect(suggestedHandle("  José  Ñandú! ")).toBe("jose-nandu");
    expect(suggestedHandle("..Dr. No_2..")).toBe("dr.-no_2");
    expect(suggestedHandle("Ｍｅｉ")).toBe("mei");
  });
  it("has 2 to 32 characters, and ends as it may", () => {
    expect(suggestedHandle(`${"a".repeat(31)} b`)).toBe("a".repeat(31));
    expect(suggestedHandle("x".repeat(50))).toHaveLength(32);
    expect(suggestedHandle("Z")).toBe("");
  });
  it("is none where there are no letters for it", () => {
    expect(["", "林悦", "!!", "王 B"].map(suggestedHandle)).toEqual(["", "", "", ""]);
  });
  it("is none of those that nobody may have", () => {
    expect(["Admin", "host", "All"].map(suggestedHandle)).toEqual(["admin-user", "host-user", "all-user"]);
  });
});
