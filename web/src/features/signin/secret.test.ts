// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { forgetSecret, secret, secretIn, takeSecrets } from "./secret";

afterEach(() => {
  forgetSecret();
  window.history.replaceState(null, "", "/");
});

describe("the secret of a link", () => {
  it("is one of a sign-in or of an invitation, and nothing else", () => {
    expect(secretIn("#ml_abc")).toEqual({ kind: "sign-in", text: "ml_abc" });
    expect(secretIn("#mi_abc")).toEqual({ kind: "invite", text: "mi_abc" });
    expect(secretIn("#main")).toBeUndefined();
    expect(secretIn("")).toBeUndefined();
  });

  it("leaves the address and the history at once", () => {
    window.history.replaceState(null, "", "/sign-in?x=1#ml_abc");
    const length = window.history.length;
    takeSecrets();
    expect(secret.get()).toEqual({ kind: "sign-in", text: "ml_abc" });
    expect(window.location.href).not.toContain("ml_abc");
    expect(window.location.pathname + window.location.search).toBe("/sign-in?x=1");
    expect(window.history.length).toBe(length);
  });

  it("is taken out of a link that is pasted later, too", () => {
    takeSecrets();
    window.history.replaceState(null, "", "/join#mi_later");
    window.dispatchEvent(new Event("hashchange"));
    expect(secret.get()).toEqual({ kind: "invite", text: "mi_later" });
    expect(window.location.hash).toBe("");
  });
});
