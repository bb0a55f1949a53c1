/** What is pinned in a room is found by everyone in it: without an AI, from long ago, and by guests as far as they may see. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Keys } from "./keys";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("pinned messages", () => {
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let room: string;
  let mia: Person;
  let gus: Person;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer({ MULTIPLAYER_MESSAGES_PER_MIN: "600" }), launch()]);
    operator = await Operator.of(server);
    room = await operator.makesRoom("harbour");
    await operator.sets(room, { guests_see_history: false });
    await pins("The plan: **Tuesday**, at nine");
    for (let at = 0; at < 120; at += 1) await operator.says(room, `filler ${at}`);
    mia = await signIn(browser, (await operator.makes("mia", "member", [room])).link, "mia");
    gus = await signIn(browser, (await operator.makes("gus", "guest", [room])).link, "gus");
    for (const person of [mia, gus]) await person.opens("harbour");
  });

  afterEach(async ({ task }) => {
    await pictured(task, [mia, gus]);
    expect([...mia.tab.wrongs, ...gus.tab.wrongs]).toEqual([]);
  });

  afterAll(() => ended(browser, server));

  async function pins(words: string): Promise<void> {
    const said = await operator.says(room, words);
    await operator.does(room, { type: "pin_message", message_id: said.event_id });
  }

  const list = async (person: Person) => {
    const pane = await person.pane("What the AI knows");
    return pane.getByRole("region", { name: "Pinned messages" });
  };

  test("a room without AI lists them, also one of long ago, and leads to it", async () => {
    const pinned = await list(mia);
    const plan = pinned.getByRole("link", { name: /Tuesday, at nine/ });
    await plan.waitFor();
    expect(await plan.innerText()).toMatch(/^Host/);
    expect(await mia.log.getByText("The plan").count()).toBe(0);
    await plan.click();
    await mia.message("The plan").waitFor();
  });

  test("a guest finds those that they may read, and unpins none", async () => {
    const pinned = await list(gus);
    await pinned.getByText("No message is pinned.").waitFor();
    await pins("Said while the guest is here");
    await pinned.getByRole("link", { name: /while the guest is here/ }).waitFor();
    expect(await pinned.getByRole("link").count()).toBe(1);
    expect(await pinned.getByRole("button").count()).toBe(0);
  });

  test("who may unpins by keyboard, and stays in the list until it is empty", async () => {
    const keys = new Keys(mia.page);
    const pinned = await list(mia);
    await pinned.getByRole("link", { name: /while the guest is here/ }).waitFor();
    expect(await pinned.getByRole("link").count()).toBe(2);
    await keys.to(pinned.getByRole("button", { name: /^Unpin: Said while/ }));
    await keys.press("Enter");
    await expect.poll(() => pinned.getByRole("link").count()).toBe(1);
    await keys.press("Tab", "Tab");
    await keys.arrives(pinned.getByRole("button", { name: /^Unpin: The plan/ }));
    await keys.press("Enter");
    await pinned.getByText("No message is pinned.").waitFor();
    expect(await keys.at()).not.toBe("body");
    await (await list(gus)).getByText("No message is pinned.").waitFor();
  });
});
