/** One browser, one account after the other; and the lines of a room about its AI and its rules. */

import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { hasFocus } from "./keys";
import { comesIn, type Person, signIn } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("accounts in one browser", () => {
  let server: Server;
  let browser: Browser;
  let host: Person;
  let invite: string;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
    const made = await server.command("invite", "create", "--room", "welcome", "--role", "member", "--uses", "5");
    invite = String(made.url);
  });

  afterEach(() => {
    expect(host.tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, server));

  test("a card that asks leads to the room's rule, and only who may change it", async () => {
    const bob = await comesIn(browser, invite, "bob");
    await bob.say("@ai run `ls`");
    const asks = /wants to run a command: Needs approval/;
    const mine = bob.log.getByRole("region", { name: asks });
    await mine.getByRole("button", { name: "Deny" }).waitFor();
    expect(await mine.getByRole("link", { name: "Room rule…" }).count()).toBe(0);
    await host.log.getByRole("region", { name: asks }).getByRole("link", { name: "Room rule…" }).click();
    const settings = host.page.getByRole("dialog", { name: "Room settings" });
    const current = settings.getByRole("link", { name: "Approvals" });
    await current.waitFor();
    await expect.poll(() => hasFocus(current)).toBe(true);
    await host.page.keyboard.press("Escape");
    await mine.getByRole("button", { name: "Deny" }).click();
    expect(bob.tab.wrongs).toEqual([]);
    await bob.tab.context.close();
  });

  test("the built-in demo is called that, with the way to a real model, until the line is put away", async () => {
    const line = host.page.getByText("is the built-in demo");
    await line.waitFor();
    expect(await host.page.getByRole("link", { name: "Connect a model" }).getAttribute("href")).toMatch(
      /settings\/ai$/,
    );
    await host.page.getByRole("button", { name: "Put this line away" }).click();
    await line.waitFor({ state: "detached" });
    await host.page.reload();
    await host.log.waitFor();
    await host.message("Welcome").waitFor();
    expect(await line.count()).toBe(0);
  });

  test("a draft is there for who wrote it, and for nobody else who signs in at this browser", async () => {
    await host.field.fill("a plan for nobody's eyes");
    await signOut(host);
    const bob = await server.command("user", "reset", "bob");
    await host.page.goto(String(bob.link));
    await host.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "welcome" }).click();
    await host.field.waitFor();
    expect(await host.field.inputValue()).toBe("");
    expect(await host.page.getByRole("navigation", { name: "Rooms" }).getByText(/draft/i).count()).toBe(0);
    // What one has put away the other has not.
    await host.page.getByText("is the built-in demo").waitFor();
    await signOut(host);
    const again = await server.command("user", "reset", "host");
    await host.page.goto(String(again.link));
    await host.opens("welcome");
    await expect.poll(() => host.field.inputValue()).toBe("a plan for nobody's eyes");
  });

  test("where a browser gives the page no clipboard, what is copied can be pasted all the same", async () => {
    const other = await host.tab.context.newPage();
    await other.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await other.goto("/");
    await other.getByRole("button", { name: "More about this room" }).click();
    await other.getByRole("menuitem", { name: "Copy the room's address" }).click();
    await other
      .getByText(/copied/i)
      .first()
      .waitFor();
    const field = other.getByRole("region", { name: "Write a message" }).getByRole("textbox");
    await field.click();
    await other.keyboard.press("Control+v");
    await expect.poll(() => field.inputValue()).toMatch(/\/r\/\w+$/);
    await field.fill("");
    await other.close();
  });

  test("two pages are one person: who signs out or in anew in one does so in the other", async () => {
    const other = await host.tab.context.newPage();
    await other.goto("/");
    await signOut({ page: other });
    await host.page.getByRole("heading", { name: "Sign in" }).first().waitFor();
    const bob = await server.command("user", "reset", "bob");
    await other.goto(String(bob.link));
    // Nothing is painted of a page that stands behind another.
    await host.page.bringToFront();
    const menu = host.page.getByRole("button", { name: /Your menu/ });
    await expect.poll(() => menu.textContent()).toContain("@bob");
    await host.field.waitFor();
    await host.say("from the page that did not sign in");
    await host.message("from the page that did not sign in").getByText("bob").first().waitFor();
    // The same person with another cookie: what is changed by a request needs its token.
    const again = await server.command("user", "reset", "bob");
    await other.goto(String(again.link));
    await other.getByRole("navigation", { name: "Rooms" }).waitFor();
    await host.page.getByRole("button", { name: "New room" }).click();
    await host.page.getByRole("dialog").getByLabel("Name").fill("made-by-bob");
    await host.page.getByRole("dialog").getByRole("button", { name: "Make the room" }).click();
    await host.page.getByRole("heading", { name: "made-by-bob", level: 1 }).waitFor();
    await other.close();
  });
});

async function signOut({ page }: { readonly page: Page }): Promise<void> {
  await page.getByRole("button", { name: /Your menu/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page
    .getByRole("heading", { name: /Sign in/ })
    .first()
    .waitFor();
}
