/** Words that come slowly: seen by all as they grow, kept over a reload in the middle, and stopped for all at once. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { type SlowModel, slowModel } from "./model";
import { hostAndBob, type Person } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("an answer that takes its time", () => {
  let model: SlowModel;
  let server: Server;
  let browser: Browser;
  let host: Person;
  let bob: Person;

  beforeAll(async () => {
    model = await slowModel();
    [server, browser] = await Promise.all([
      startServer({ OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "sk-none", OPENAI_MODEL: "slow" }),
      launch(),
    ]);
    [host, bob] = await hostAndBob(browser, server);
  });

  afterEach(() => {
    expect([...host.tab.wrongs, ...bob.tab.wrongs]).toEqual([]);
  });

  afterAll(() => ended(browser, server, model));

  test("grows before everybody's eyes, and goes on after a reload in the middle of a sentence", async () => {
    await host.say("@ai tell a story");
    model.say("Once upon 🌙 ");
    await Promise.all([host, bob].map((person) => person.log.getByText("Once upon 🌙").last().waitFor()));
    await bob.page.reload();
    await bob.log.getByText("Once upon 🌙").last().waitFor();
    model.say("a time 🌊 there was ");
    await Promise.all([host, bob].map((person) => person.log.getByText("a time 🌊 there was").last().waitFor()));
    model.say("a room.");
    model.finish();
    const whole = "Once upon 🌙 a time 🌊 there was a room.";
    await Promise.all([host, bob].map((person) => person.message(whole).waitFor()));
    expect(await bob.log.getByRole("article").filter({ hasText: whole }).count()).toBe(1);
  });

  test("is stopped by whoever asked, for everyone, and its words stay", async () => {
    await bob.say("@ai and another one");
    model.say("It was a dark ");
    await host.log.getByText("It was a dark").last().waitFor();
    await bob.page.getByRole("button", { name: /^Stop/ }).first().click();
    await host.log
      .getByText(/Stopped by/)
      .last()
      .waitFor();
    await host.message("It was a dark").waitFor();
    await expect.poll(() => model.open(), { timeout: 10_000 }).toBe(0);
  });
});
