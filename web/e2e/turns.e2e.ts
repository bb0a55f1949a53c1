/** What people do with an AI that works, and with what it said: tell it more, ask it next, have it answer again. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Keys } from "./keys";
import { hostAndBob, type Person, pictured } from "./person";
import { type ScriptedModel, scriptedModel } from "./scripted";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("two people and an AI that works", () => {
  let model: ScriptedModel;
  let server: Server;
  let browser: Browser;
  let host: Person;
  let bob: Person;

  beforeAll(async () => {
    model = await scriptedModel();
    [server, browser] = await Promise.all([startServer(model.settings), launch()]);
    [host, bob] = await hostAndBob(browser, server);
  });

  afterEach(async ({ task }) => {
    await pictured(task, [host, bob]);
    expect([...host.tab.wrongs, ...bob.tab.wrongs]).toEqual([]);
  });

  afterAll(() => ended(browser, server, model));

  const said = (person: Person, words: string | RegExp) =>
    person.page.getByRole("region", { name: "Write a message" }).getByText(words);

  async function opensMenu(person: Person, words: string): Promise<void> {
    // What stands under a pointer that rests is not entered.
    await person.page.mouse.move(0, 0);
    await person.message(words).hover();
    await person.message(words).getByRole("button", { name: "More" }).click();
  }

  test("who writes is seen by the other, until it is sent", async () => {
    await bob.field.pressSequentially("I am about to");
    await said(host, "bob is typing…").waitFor();
    await bob.field.press("Enter");
    await host.message("I am about to").waitFor();
    await said(host, "bob is typing…").waitFor({ state: "hidden" });
  });

  test("who leaves is here no more, until they come back", async () => {
    const button = host.page.getByRole("button", { name: /members, \d of 3 here/ });
    const here = async () => Number(/(\d) of 3 here/.exec((await button.textContent()) ?? "")?.[1]);
    const all = await here();
    await bob.page.goto("about:blank");
    await expect.poll(here, { timeout: 30_000 }).toBe(all - 1);
    await bob.page.goBack();
    await expect.poll(here, { timeout: 30_000 }).toBe(all);
  });

  test("what is said to an AI while it works is told at its next step, or asked when it is done", async () => {
    model.will("hold", "The second answer.");
    await bob.say("@ai begin");
    await bob.log.getByText("I begin, and go on.").waitFor();
    await bob.say("/steer and be brief");
    await bob.message("and be brief").waitFor();
    await Promise.all([host, bob].map((person) => said(person, "one message is told at the next step").waitFor()));
    await bob.say("/queue and then this");
    await Promise.all([host, bob].map((person) => said(person, "One request waits").waitFor()));
    await bob.page.getByRole("button", { name: /^Stop/ }).first().click();
    await host.message("The second answer.").waitFor();
    await said(host, "One request waits").waitFor({ state: "hidden" });
  });

  test("an answer is given again, and the one that is chosen stands for everybody", async () => {
    model.will("It is blue.", "It is green.");
    await bob.say("@ai which colour is it");
    await bob.message("It is blue.").waitFor();
    await opensMenu(bob, "It is blue.");
    await bob.page.getByRole("menuitem", { name: "Answer again" }).click();
    const second = bob.message("It is green.");
    await second.getByText("Answer 2 of 2").waitFor();
    await host.message("It is green.").waitFor();
    await second.getByRole("button", { name: "The answer before" }).click();
    const first = bob.message("It is blue.");
    await first.getByText("Answer 1 of 2").waitFor();
    // Only looked at: for the other the second one stands.
    expect(await host.message("It is blue.").count()).toBe(0);
    await first.getByRole("button", { name: "Use this answer" }).click();
    await host.message("It is blue.").getByText("is used").waitFor();
  });

  test("what a message said before it was edited can be read by the other", async () => {
    await bob.say("we meet at ten");
    await bob.message("we meet at ten").waitFor();
    const edit = await bob.editsLast();
    await edit.fill("we meet at eleven");
    await edit.press("Enter");
    await host.message("we meet at eleven").getByRole("button", { name: "edited" }).click();
    const before = host.page.getByRole("dialog", { name: "What it said before" });
    await before.getByText("we meet at ten").waitFor();
    await before.getByRole("button", { name: "Close" }).click();
    await before.waitFor({ state: "hidden" });
  });

  test("a fact is pinned for the AI, seen by the other, and forgotten", async () => {
    await bob.say("/pin-fact Deploys go out on Tuesdays.");
    const facts = await host.pane("What the AI knows");
    await facts.getByText("Deploys go out on Tuesdays.").waitFor();
    await facts.getByRole("button", { name: "Forget: Deploys go out on Tuesdays." }).click();
    await facts.getByText("Deploys go out on Tuesdays.").waitFor({ state: "hidden" });
  });

  test("what the answers used is counted, and a cap is set for everybody", async () => {
    const used = await host.pane("Usage");
    await used
      .getByText(/\d+ model calls/)
      .first()
      .waitFor();
    await used.getByRole("button", { name: "Set caps" }).click();
    const window = host.page.getByRole("dialog", { name: "Set caps" });
    await window.getByLabel("Tokens a day").first().fill("200000");
    await window.getByRole("button", { name: "Save" }).click();
    await window.waitFor({ state: "hidden" });
    await used.getByText(/of 200,000/).waitFor();
    await bob.log.getByText(/changed the budget/).waitFor();
  });

  test("a rule is made with the keyboard alone: from then on the AI answers a word that nobody addressed to it", async () => {
    const { page } = host;
    const keys = new Keys(page);
    await page.goto(`${new URL(page.url()).pathname}/settings/triggers`);
    await keys.to(page.getByRole("button", { name: "Add a rule" }));
    await keys.press("Enter");
    await page.getByRole("menuitem", { name: "Keywords" }).waitFor();
    await keys.to(page.getByRole("menuitem", { name: "Keywords" }), "ArrowDown");
    await keys.press("Enter");
    const window = page.getByRole("dialog", { name: "Keywords" });
    await keys.to(window.getByLabel(/^Words/));
    await keys.type("lunch");
    await keys.to(window.getByRole("button", { name: "Save" }));
    await keys.press("Enter");
    await page.getByText("Answers when somebody says lunch.").waitFor();
    model.will("Soup, as ever.");
    await bob.say("what is there for lunch");
    await bob.message("Soup, as ever.").waitFor();
    await keys.press("Escape");
    await host.message("Soup, as ever.").waitFor();
  });
});
