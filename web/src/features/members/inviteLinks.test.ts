import { describe, expect, it } from "vitest";
import { show } from "../../ui/i18n";
import { isLoopback, linkOf, timeLeft } from "./inviteLinks";

describe("the link of an invite", () => {
  it("tells its code to no server", () => {
    const link = new URL(linkOf("https://chat.example.org", "mi_abc"));
    expect(link.hash).toBe("#mi_abc");
    expect(link.pathname + link.search).toBe("/join");
  });
  it("opens on one computer only where its host means this one everywhere", () => {
    const hosts = ["http://localhost:3000", "http://127.0.0.1:3000", "http://127.1.2.3", "http://[::1]:3000"];
    const more = ["http://chat.localhost", "http://LOCALHOST", "http://0.0.0.0:3000"];
    for (const address of [...hosts, ...more])
      expect([address, isLoopback(new URL(address).hostname)]).toEqual([address, true]);
    for (const address of [
      "https://chat.example.org",
      "http://192.168.1.7",
      "http://localhost.example.org",
      "http://10.127.0.1",
    ])
      expect([address, isLoopback(new URL(address).hostname)]).toEqual([address, false]);
  });
});

describe("how long an invite still counts", () => {
  const now = Date.parse("2026-11-22T10:00:00Z");
  const left = (seconds: number) => timeLeft(new Date(now + seconds * 1000).toISOString(), now);
  it("is what was chosen, also a moment later", () => {
    expect([3_599, 86_397, 604_799, 2_591_990, 31_535_990].map(left)).toEqual([
      "in 1 hour",
      "in 1 day",
      "in 7 days",
      "in 30 days",
      "in 1 year",
    ]);
  });
  it("is told by its nearest step, the last minute included", () => {
    expect([5, 100, 3_000, 7_000, 80_000, 86_400 * 6.4].map(left)).toEqual([
      "in 1 minute",
      "in 2 minutes",
      "in 50 minutes",
      "in 2 hours",
      "in 22 hours",
      "in 6 days",
    ]);
  });
  it("is told in Chinese too", async () => {
    await show("zh");
    expect(left(604_799)).toBe("7天后");
    await show("en");
  });
});
