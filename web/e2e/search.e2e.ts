/** Searching in the page with filters that the server carries out. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Keys } from "./keys";
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

  afterAll(() => ended(browser, server));

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

  test("a whole search by keyboard: every filter, each from where the focus was, and back and forth", async () => {
    const { page } = host;
    const keys = new Keys(page);
    const field = (name: string) => page.getByLabel(name, { exact: true });
    const found = (words: string) =>
      page.getByRole("region", { name: "What was found" }).getByRole("link").filter({ hasText: words });
    const [mine, theirs] = ["said by the host", "the lag again"];
    const asks = () => decodeURIComponent(new URL(page.url()).search);
    const year = new Date().getFullYear();
    await page.goto("/search");
    await keys.arrives(field("Words to find"));
    await keys.type("lag");
    await keys.press("Enter");
    await found(mine).waitFor();
    await keys.arrives(field("Words to find"));

    // A list is chosen from by arrows; going over a line asks it, and is no step of its own on the way back.
    await keys.to(field("Room"));
    await keys.press("w");
    await expect.poll(asks).toMatch(/^\?q=lag&room=\w+$/);
    const inRoom = asks();
    await keys.arrives(field("Room"));

    await keys.to(field("From"));
    await keys.type("@mei");
    await keys.press("Tab");
    await expect.poll(asks).toBe(`${inRoom}&from=mei`);
    await keys.arrives(field("Having"));
    expect(await field("From").inputValue()).toBe("mei");
    await expect.poll(() => found(mine).count()).toBe(0);
    await found(theirs).waitFor();

    await keys.press("ArrowDown", "ArrowDown");
    await expect.poll(asks).toBe(`${inRoom}&from=mei&has=link`);
    await keys.arrives(field("Having"));
    await found(theirs).waitFor();

    // A day: nothing is asked before it is whole, and what has been typed of it stays.
    await keys.to(field("Since"));
    await keys.type(`0101${year}`);
    expect(await field("Since").inputValue()).toBe(`${year}-01-01`);
    expect(asks()).toBe(`${inRoom}&from=mei&has=link`);
    await keys.arrives(field("Since"));
    await keys.press("Enter");
    await expect.poll(asks).toBe(`${inRoom}&from=mei&has=link&after=${year}-01-01`);
    await keys.arrives(field("Since"));
    await keys.to(field("Before"));
    await keys.type("0101");
    await keys.type("0012");
    await keys.press("Enter");
    const before = page.getByRole("alert").filter({ hasText: "from the year 1970 on" });
    await before.waitFor();
    await keys.arrives(field("Before"));
    expect(asks()).toBe(`${inRoom}&from=mei&has=link&after=${year}-01-01`);
    await keys.press("Shift+Tab", "Tab");
    await keys.to(field("Before"));
    await keys.type(`0101${year + 1}`);
    await keys.to(page.getByRole("region", { name: "What was found" }).getByRole("link"));
    await expect.poll(asks).toBe(`${inRoom}&from=mei&has=link&after=${year}-01-01&before=${year + 1}-01-01`);
    expect(await before.count()).toBe(0);
    await found(theirs).waitFor();

    // Back and forth: the fields say what is asked.
    const shown = async () => [
      await field("Words to find").inputValue(),
      await field("From").inputValue(),
      await field("Having").inputValue(),
      await field("Since").inputValue(),
      await field("Before").inputValue(),
    ];
    const [since, until] = [`${year}-01-01`, `${year + 1}-01-01`];
    await expect.poll(shown).toEqual(["lag", "mei", "link", since, until]);
    const steps = [
      ["lag", "mei", "link", since, ""],
      ["lag", "mei", "link", "", ""],
      ["lag", "mei", "any", "", ""],
      ["lag", "", "any", "", ""],
    ];
    for (const step of steps) {
      await page.goBack();
      await expect.poll(shown).toEqual(step);
    }
    await found(mine).waitFor();
    for (const step of [...steps.reverse().slice(1), ["lag", "mei", "link", since, until]]) {
      await page.goForward();
      await expect.poll(shown).toEqual(step);
    }

    // Words that are a filter go to its field, also where they change nothing.
    await keys.to(field("Words to find"), "Shift+Tab");
    await keys.press("Control+a");
    await keys.type("lag from:mei");
    await keys.press("Enter");
    await expect.poll(() => field("Words to find").inputValue()).toBe("lag");
    await keys.arrives(field("Words to find"));
    await keys.to(found(theirs));
    await keys.press("Enter");
    await host.message("the lag again").waitFor();
    expect(host.tab.wrongs).toEqual([]);
  });
});
