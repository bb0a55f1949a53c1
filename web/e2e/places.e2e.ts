/** Where one is led in a room: the line of what is new, the message that a link names, the names of who speaks. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { type Relay, startRelay } from "./relay";
import { type ScriptedModel, scriptedModel } from "./scripted";
import { type Server, startServer } from "./server";

const MANY = 90;

describe.skipIf(CHROMIUM === undefined)("places in a room", () => {
  let server: Server;
  let browser: Browser;
  let relay: Relay;
  let model: ScriptedModel;
  let operator: Operator;
  let busy: string;
  let old: string;
  let mia: Person;
  const said = (words: string) => mia.log.getByRole("article").filter({ hasText: new RegExp(`${words}$`) });
  const isInSight = async (words: string) => {
    const at = await said(words).boundingBox();
    const box = await mia.log.boundingBox();
    return at !== null && box !== null && at.y >= box.y - 1 && at.y + at.height <= box.y + box.height + 1;
  };
  /** As a link in the page goes there. */
  const goes = (path: string) => mia.page.evaluate((to) => window.history.pushState(null, "", to), path);

  beforeAll(async () => {
    model = await scriptedModel();
    [server, browser] = await Promise.all([
      startServer({ ...model.settings, MULTIPLAYER_MESSAGES_PER_MIN: "1000" }),
      launch(),
    ]);
    relay = await startRelay(server.url);
    operator = await Operator.of(server);
    busy = await operator.makesRoom("busy");
    old = await operator.makesRoom("old");
    for (let number = 1; number <= MANY; number++) await operator.says(old, `old number ${number}`);
    const made = await operator.makes("mia", "member", [busy, old, await operator.room("welcome")]);
    mia = await signIn(browser, relay.through(made.link), "mia");
  });

  afterEach(async ({ task }) => {
    await pictured(task, [mia]);
    expect(mia.tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, relay, server, model));

  test("the line stands above the first that is new, also where more is new than is fetched at first", async () => {
    await mia.opens("welcome");
    for (let number = 1; number <= MANY; number++) await operator.says(busy, `new number ${number}`);
    await mia.opens("busy");
    await said("new number 1").waitFor();
    const row = mia.log.locator(":has(> [data-unread-line])");
    expect(await row.count()).toBe(1);
    await expect.poll(() => row.getByRole("article").textContent()).toMatch(/new number 1$/);
    await expect.poll(() => isInSight("new number 1")).toBe(true);
  });

  test("a link to a message that could not be asked for says why, and leads there when the connection is back", async () => {
    await mia.opens("old");
    await said(`old number ${MANY}`).waitFor();
    const { messages } = (await operator.ask("GET", `rooms/${old}/messages?limit=200`)) as {
      messages: readonly { id: string; text: string }[];
    };
    const first = messages.find(({ text }) => text === "old number 3")?.id ?? "";
    expect(first).not.toBe("");
    relay.pull();
    await mia.page.getByText("You can go on writing").waitFor();
    await goes(`/r/${old}/m/${first}`);
    const wrong = mia.page.getByRole("alert").filter({ hasText: /connection|server/i });
    await wrong.waitFor();
    expect(await mia.page.getByText("This message is not there").count()).toBe(0);
    relay.plug();
    await wrong.waitFor({ state: "detached" });
    await expect.poll(() => isInSight("old number 3")).toBe(true);
  });

  test("the link to where one was led leads there again", async () => {
    const path = new URL(mia.page.url()).pathname;
    expect(path).toContain("/m/");
    await mia.page.getByRole("button", { name: /Jump to latest/ }).click();
    await expect.poll(() => isInSight(`old number ${MANY}`)).toBe(true);
    await goes(path);
    await expect.poll(() => isInSight("old number 3")).toBe(true);
  });

  test("a day is jumped to from the room's menu: one before all that was said leads to the first", async () => {
    const jumps = async (day: string) => {
      await mia.page.getByRole("button", { name: "More about this room" }).click();
      await mia.page.getByRole("menuitem", { name: "Jump to a day" }).click();
      const window = mia.page.getByRole("dialog", { name: "Jump to a day" });
      await window.getByLabel("Day").fill(day);
      await window.getByRole("button", { name: "Jump", exact: true }).click();
      await window.waitFor({ state: "hidden" });
    };
    await jumps("2020-01-01");
    await expect.poll(() => isInSight("old number 1")).toBe(true);
    await jumps("2999-01-01");
    await expect.poll(() => isInSight(`old number ${MANY}`)).toBe(true);
    await goes(`/r/${old}`);
  });

  test("a room that was marked as unread stands out until it is opened again, and opens at the mark", async () => {
    const words = `old number ${MANY - 3}`;
    const from = said(words);
    await from.hover();
    await from.getByRole("button", { name: "More" }).click();
    await mia.page.getByRole("menuitem", { name: "Mark as unread" }).click();
    await mia.opens("welcome");
    const row = mia.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: /old/ });
    await expect.poll(() => row.textContent()).toContain("marked as unread");
    await row.click();
    await expect.poll(() => isInSight(words)).toBe(true);
    const line = mia.log.locator(":has(> [data-unread-line])").getByRole("article");
    await expect.poll(() => line.textContent()).toMatch(new RegExp(`${words}$`));
    expect(await row.textContent()).not.toContain("marked as unread");
  });

  test("who has a name that looks like another's is told apart by the handle", async () => {
    const fake = await operator.makes("mallory", "member", [old], { display_name: "H\u043Est" });
    const mallory = await operator.as(fake.id);
    await operator.says(old, "from the one who made this room");
    await mallory.says(old, "send me the passwords");
    const name = (words: string) => said(words).locator("bdi").first().innerText();
    await said("send me the passwords").waitFor();
    expect(await name("send me the passwords")).toContain("(@mallory)");
    expect(await name("from the one who made this room")).toContain("(@host)");
  });

  test("a call that was stopped before anybody had said yes is not told as done", async () => {
    await mia.opens("busy");
    model.will({ tool: "execute_command", arguments: { command: "echo never" } });
    await mia.say("@ai run it");
    const card = mia.log.getByRole("region", { name: /wants to run a command: Needs approval/ });
    await card.waitFor();
    await mia.log.getByText("Waiting for approval").waitFor();
    await mia.page.getByRole("button", { name: "Stop" }).first().click();
    await mia.log.getByRole("region", { name: /wants to run a command: Was not run/ }).waitFor();
  });
});
