// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { forgetSecret, returnIn, secret, secretIn, takeSecrets } from "./secret";

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

describe("what Supabase leads back with", () => {
  it("is a code, or why there is none, at the addresses that it may lead to", () => {
    expect(returnIn("/sign-in", "?code=abc", "")).toEqual({ kind: "supabase", text: "abc" });
    expect(returnIn("/", "?code=abc", "")).toEqual({ kind: "supabase", text: "abc" });
    const refused = "error=access_denied&error_code=otp_expired&error_description=x";
    const said = { kind: "supabase-refused", text: "otp_expired" };
    expect(returnIn("/sign-in", `?${refused}`, "")).toEqual(said);
    expect(returnIn("/sign-in", "", `#${refused}`)).toEqual(said);
    expect(returnIn("/sign-in", "?error=access_denied", "")).toEqual({
      kind: "supabase-refused",
      text: "access_denied",
    });
    for (const query of ["", "?code=", "?q=code"]) expect(returnIn("/sign-in", query, "#main")).toBeUndefined();
    expect(returnIn("/search", "?code=abc", "")).toBeUndefined();
  });
  it("is never somebody's whole session: that leaves the address and is not used", () => {
    window.history.replaceState(null, "", "/sign-in#access_token=a.b.c&refresh_token=r&token_type=bearer");
    takeSecrets();
    expect(secret.get()?.kind).toBe("supabase-refused");
    expect(secret.get()?.text).not.toContain("a.b.c");
    expect(window.location.href).not.toContain("token");
  });
  it("leaves the address at once, with all that came with it", () => {
    window.history.replaceState(null, "", "/sign-in?code=abc&state=x");
    takeSecrets();
    expect(secret.get()).toEqual({ kind: "supabase", text: "abc" });
    expect(window.location.pathname + window.location.search).toBe("/sign-in");
  });
});
