/** What tells somebody that they are waited for: the title, the list, the desktop, and the amber of a call that asks. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { type ScriptedModel, scriptedModel } from "./scripted";
import { type Server, startServer } from "./server";

declare global {
  interface Window {
    isAway?: boolean;
    notes: Notification[];
  }
}

/** A page that the test hides, and that keeps what it has made for the desktop. */
function standIn(): void {
  Object.defineProperty(Document.prototype, "hidden", { get: () => window.isAway === true });
  Object.defineProperty(Document.prototype, "visibilityState", {
    get: () => (window.isAway === true ? "hidden" : "visible"),
  });
  window.notes = [];
  window.Notification = new Proxy(Notification, {
    construct: (made, [title, options]: [string, NotificationOptions]) => {
      const note = new made(title, options);
      if (title !== "") window.notes.push(note);
      return note;
    },
  });
}

async function turns(page: Page, isAway: boolean): Promise<void> {
  await page.evaluate((value) => {
    window.isAway = value;
    document.dispatchEvent(new Event("visibilitychange"));
  }, isAway);
}

describe.skipIf(CHROMIUM === undefined)("somebody who is waited for", () => {
  let model: ScriptedModel;
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let sam: Person;
  let side: string;
  let direct: string;
  const row = (name: string | RegExp) =>
    sam.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name });

  beforeAll(async () => {
    model = await scriptedModel();
    [server, browser] = await Promise.all([startServer(model.settings), launch()]);
    operator = await Operator.of(server);
    const welcome = await operator.room("welcome");
    side = await operator.makesRoom("side", { topic: "several easy samples for the menu" });
    const made = await operator.makes("sam", "member", [welcome, side]);
    const opened = await operator.ask("POST", "rooms/direct", { handles: ["sam"] });
    direct = String((opened.room as { id: string }).id);
    sam = await signIn(browser, made.link, "sam");
    await sam.opens("welcome");
    await sam.log.waitFor();
  });

  afterEach(async ({ task }) => {
    await pictured(task, [sam]);
    expect(sam.tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, server, model));

  const title = () => expect.poll(() => sam.page.title());

  test("reads it in the title, and in a direct room of the list as strongly as a mention", async () => {
    await title().toBe("welcome · Multiplayer");
    await operator.says(side, "nothing for anybody in particular");
    await title().toBe("• welcome · Multiplayer");
    await operator.says(side, "hello @sam");
    await title().toBe("(1) welcome · Multiplayer");
    await operator.says(direct, "between us");
    await title().toBe("(2) welcome · Multiplayer");
    const badge = (name: RegExp) =>
      row(name)
        .getByText("1", { exact: true })
        .locator("..")
        .evaluate((one) => getComputedStyle(one).backgroundColor);
    expect(await badge(/one unread message/)).toBe(await badge(/side.*one mention/));
    await sam.opens("side");
    await title().toBe("(1) side · Multiplayer");
    await row(/one unread message/).click();
    await expect.poll(() => sam.page.title()).not.toMatch(/^[(•]/);
  });

  test("is left alone by a room that is muted", async () => {
    await sam.opens("side");
    await sam.page.locator("main header").getByRole("button", { name: "More about this room" }).click();
    await sam.page.getByRole("menuitem", { name: "Mute on this device" }).click();
    await sam.opens("welcome");
    await operator.says(side, "@sam are you there?");
    await row(/side.*one mention/).waitFor();
    expect(await sam.page.title()).toBe("welcome · Multiplayer");
    await sam.opens("side");
    await sam.page.locator("main header").getByRole("button", { name: "More about this room" }).click();
    await sam.page.getByRole("menuitem", { name: "Unmute on this device" }).click();
    await sam.opens("welcome");
  });

  test("sees in amber that a call waits for a yes, in its room and from another", async () => {
    model.will({ tool: "execute_command", arguments: { command: "echo first" } });
    await sam.say("@ai run it");
    const pill = sam.page.locator("main header").getByText("Needs approval");
    await pill.waitFor();
    await row(/welcome.*the AI needs approval/).waitFor();
    await sam.opens("side");
    expect(await pill.count()).toBe(0);
    await row(/welcome.*the AI needs approval/).waitFor();
    await row(/welcome/).click();
    await sam.log.getByRole("button", { name: /^Deny/ }).click();
    await pill.waitFor({ state: "detached" });
    await row(/needs approval/).waitFor({ state: "detached" });
    await sam.message("Done.").waitFor();
  });

  test("finds messages in the palette, not a room whose topic holds the letters somehow", async () => {
    await operator.says(side, "sesame opens it");
    await sam.page.keyboard.press("Control+k");
    await sam.page.getByRole("combobox").fill("sesame");
    const chosen = sam.page.getByRole("option", { selected: true });
    await chosen.getByText("Search this room for “sesame”").waitFor();
    await sam.page.getByRole("option", { name: /sesame opens it/ }).waitFor();
    expect(await sam.page.getByRole("group", { name: "Rooms" }).count()).toBe(0);
    await sam.page.getByRole("combobox").fill("keyboard");
    await chosen.getByText("Keyboard shortcuts").waitFor();
    await sam.page.keyboard.press("Escape");
  });

  test("keeps the settings of a room under the pointer, however long a page of them is", async () => {
    await sam.page.goto(`/r/${side}/settings/general`);
    const settings = sam.page.getByRole("dialog", { name: "Room settings" });
    const heights = new Set<number>();
    for (const name of ["General", "Tools", "Retention", "Approvals"]) {
      await settings.getByRole("link", { name }).click();
      await settings.getByRole("link", { name }).and(sam.page.locator("[aria-current=page]")).waitFor();
      heights.add((await settings.boundingBox())?.height ?? 0);
    }
    expect([...heights]).toEqual([704]);
    await sam.page.keyboard.press("Escape");
  });

  test("is told why nothing comes, where the browser blocks it", async () => {
    await sam.page.goto("/settings");
    const notify = sam.page.getByRole("switch", { name: "Notify me on this device" });
    await notify.click();
    await sam.page.getByText("The browser blocks notifications of this address.").waitFor();
    expect(await notify.isChecked()).toBe(false);
  });

  test("is told on the desktop by one of their pages, while they look at none", async () => {
    const { context } = sam.tab;
    await context.grantPermissions(["notifications"], { origin: server.url });
    await context.addInitScript(standIn);
    await sam.page.goto("/settings");
    const notify = sam.page.getByRole("switch", { name: "Notify me on this device" });
    expect(await notify.isChecked()).toBe(false);
    await notify.check();
    const other = await context.newPage();
    await other.goto(`/r/${side}`);
    await other.getByRole("log").waitFor();
    const pages = [sam.page, other];
    const told = async () =>
      (
        await Promise.all(
          pages.map((page) => page.evaluate(() => window.notes.map(({ title, body, tag }) => [title, body, tag]))),
        )
      ).flat();

    // One of two is looked at: it sees for itself.
    await turns(other, true);
    await operator.says(side, "@sam look here");
    await expect.poll(() => other.title()).toContain("(1)");
    await expect.poll(() => sam.page.title()).toContain("(1)");
    for (const page of pages) await page.evaluate(() => navigator.locks.query());
    expect(await told()).toEqual([]);

    await turns(sam.page, true);
    await expect.poll(lookedAt).toBe(0);
    await operator.says(side, "@sam a secret plan");
    await expect.poll(told).toEqual([["side", "2 messages mention you.", side]]);
    await operator.says(side, "not for sam");
    await operator.says(direct, "between us again");
    await expect.poll(told).toHaveLength(2);
    expect((await told())[1]?.slice(1)).toEqual(["One new message for you.", direct]);
    expect(JSON.stringify(await told())).not.toContain("secret");

    const teller = (await sam.page.evaluate(() => window.notes.length)) > 0 ? sam.page : other;
    await teller.evaluate(() => window.notes.at(-1)?.dispatchEvent(new Event("click")));
    await expect.poll(() => new URL(teller.url()).pathname).toBe(`/r/${direct}`);
    await other.close();

    function lookedAt(): Promise<number | undefined> {
      return other.evaluate(async () => {
        const { held } = await navigator.locks.query();
        return held?.filter(({ name }) => name?.includes("looked-at")).length;
      });
    }
  });
});
