// @vitest-environment happy-dom
import { beforeEach, describe, expect, it } from "vitest";
import { disown, forgetKept, keepFor, keptOwner, rememberReturn, SESSION_KEY, takeReturn } from "./kept";

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe("where somebody wanted to go", () => {
  it("is read once", () => {
    rememberReturn({ to: "/r/R1", invite: "mi_x" });
    expect(takeReturn()).toEqual({ to: "/r/R1", invite: "mi_x" });
    expect(takeReturn()).toEqual({ to: "/" });
  });
  it("is a place of ours, whatever stands there", () => {
    for (const to of ["//evil.example", "/\\evil.example", "https://evil.example", "", "javascript:alert(1)"]) {
      rememberReturn({ to });
      expect(takeReturn().to, to).toBe("/");
    }
    for (const text of ["no json", "null", "[]", '{"to":1}']) {
      sessionStorage.setItem(`${SESSION_KEY}.return`, text);
      expect(takeReturn(), text).toEqual({ to: "/" });
    }
  });
});

describe("whose session is kept", () => {
  it("is nobody's once they are disowned, and what proves a sign-in under way stays", () => {
    keepFor("A");
    localStorage.setItem(SESSION_KEY, "tokens");
    localStorage.setItem(`${SESSION_KEY}-code-verifier`, "proof");
    expect(keptOwner()).toBe("A");
    disown();
    expect(keptOwner()).toBeUndefined();
    expect(localStorage.getItem(SESSION_KEY)).toBe("tokens");
    forgetKept();
    expect(localStorage.getItem(SESSION_KEY)).toBeNull();
    expect(localStorage.getItem(`${SESSION_KEY}-code-verifier`)).toBe("proof");
  });
});
