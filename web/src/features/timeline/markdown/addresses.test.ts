import { expect, test } from "vitest";
import { hostOf, misleads, ownFile, safeAddress } from "./addresses";

const url = (address: string): URL => new URL(address);

test("only absolute web and mail addresses are safe, however they are written", () => {
  for (const good of ["https://a.example/x", " HTTP://a.example ", "mailto:mei@a.example"]) {
    expect(safeAddress(good), good).toBeDefined();
  }
  const bad = [
    "javascript:alert(1)",
    "JAVASCRIPT:x",
    " data:text/html,x",
    "vbscript:x",
    "file:///x",
    "blob:https://a/x",
  ];
  for (const address of [...bad, "", "/x", "//a.example", "a.example", "#x", "https://", "java\nscript:x"]) {
    expect(safeAddress(address), address).toBeUndefined();
  }
});

test("the host is told as the browser asks for it", () => {
  expect(hostOf(url("https://user@evil.example:8443/bank.example"))).toBe("evil.example:8443");
  expect(hostOf(url("https://\u0430pple.example/"))).toBe("xn--pple-43d.example");
  expect(hostOf(url("mailto:mei@a.example"))).toBe("mei@a.example");
});

test("words mislead if they name another host, or hide something", () => {
  expect(misleads("bank.example", url("https://evil.example/"))).toBe(true);
  expect(misleads("go to https://bank.example/login now", url("https://evil.example/"))).toBe(true);
  expect(misleads("bank.example", url("https://bank.example.evil.example/"))).toBe(true);
  expect(misleads("b\u200bank", url("https://bank.example/"))).toBe(true);
  expect(misleads("www.bank.example", url("https://bank.example/x"))).toBe(false);
  expect(misleads("the runbook, section 2.4", url("https://docs.example/"))).toBe(false);
  expect(misleads("mei@a.example", url("mailto:mei@a.example"))).toBe(false);
});

test("only the address of a file is a file of this server", () => {
  expect(ownFile("/api/v1/files/01ABC")).toBe("/api/v1/files/01ABC");
  expect(ownFile("/api/v1/files/01ABC/thumbnail")).toBeDefined();
  for (const src of [
    "//evil/api/v1/files/01A",
    "/api/v1/files/../me",
    "/api/v1/files/01A/text",
    "https://x/api/v1/files/1",
  ]) {
    expect(ownFile(src), src).toBeUndefined();
  }
});
