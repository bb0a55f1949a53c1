/** Searching in the page with filters that the server carries out. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { comesIn, type Person, signIn } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("searching", () => {
  let server: Server;
  let browser: Browser;
  let host: Person;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
    const made = await server.command("invite", "create", "--room", "welcome", "--role", "member");
    const mei = await comesIn(browser, String(made.url), "mei");
    await host.say("the lag, said by the host");
    await mei.say("the lag again: https://example.org/lag");
    await host.message("the lag again").waitFor();
    await mei.tab.context.close();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("filters among the words, and without words, find what they say and nothing else", async () => {
    const { page } = host;
    const asks = async (words: string, expected: readonly string[]) => {
      await page.goto("/search");
      await page.getByRole("searchbox", { name: "Words to find" }).fill(words);
      await page.getByRole("searchbox", { name: "Words to find" }).press("Enter");
      const found = page.getByRole("region", { name: "What was found" });
      if (expected.length === 0) await page.getByText("Nothing was found").waitFor();
      for (const text of expected) await found.getByRole("link").filter({ hasText: text }).waitFor();
      expect(await found.getByRole("link").count()).toBe(expected.length);
    };
    const [mine, theirs] = ["said by the host", "the lag again"];
    await asks("lag", [mine, theirs]);
    await asks("lag from:mei", [theirs]);
    await asks("from:@mei", [theirs]);
    await asks("lag from:me", [mine]);
    await asks("has:link from:mei in:#welcome", [theirs]);
    await asks("lag has:file", []);
    await asks("lag before:2020-01-01", []);
    await asks("lag after:2020-01-01", [mine, theirs]);
    await page.goto("/search?q=lag&in=nowhere");
    await page.getByText("You are in no room of this name").waitFor();
    expect(host.tab.wrongs).toEqual([]);
  });
});
