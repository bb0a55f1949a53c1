/** The page comes in pieces: how much the first view asks for, and what is said when a piece cannot be had. */

import type { Browser, Page, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, openTab, type Tab } from "./browser";
import { ended } from "./ended";
import { signIn } from "./person";
import { type Server, startServer } from "./server";

const NOT_LOADED = "This part of the page could not be loaded.";
const HEAD_MENU = "More about this room";
const MOST_BYTES = 235_000;
const MOST_SCRIPTS = 15;

describe.skipIf(CHROMIUM === undefined)("the pieces of the page", () => {
  let server: Server;
  let browser: Browser;
  let tab: Tab;
  let page: Page;
  let room: string;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    const host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
    await host.log.waitFor();
    tab = host.tab;
    page = host.page;
    room = page.url();
  });

  afterAll(() => ended(browser, server));

  /** Until the answer is called, these files cannot be had. Nothing of an earlier visit is kept. */
  async function without(files: RegExp): Promise<() => Promise<void>> {
    const keeping = await tab.context.newCDPSession(page);
    await keeping.send("Network.setCacheDisabled", { cacheDisabled: true });
    const refuse = (route: Route) => route.abort();
    await page.route(files, refuse);
    return () => page.unroute(files, refuse);
  }

  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label"));

  async function reload(): Promise<void> {
    await page.goto(room);
    await page.getByRole("log").waitFor();
  }

  test("the first view is light, and is fetched at once", async () => {
    const context = await browser.newContext({ storageState: await tab.context.storageState(), baseURL: server.url });
    const fresh = await context.newPage();
    const network = await context.newCDPSession(fresh);
    await network.send("Network.enable");
    const scripts = new Map<string, number>();
    const asked = new Map<string, string>();
    network.on("Network.requestWillBeSent", ({ requestId, request }) => asked.set(requestId, request.url));
    network.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
      const url = asked.get(requestId);
      if (url?.endsWith(".js")) scripts.set(url, encodedDataLength);
    });
    await fresh.goto(room);
    await fresh.getByRole("log").getByRole("article").first().waitFor();
    await fresh.getByRole("tabpanel").getByRole("heading", { level: 3 }).first().waitFor();
    const bytes = [...scripts.values()].reduce((sum, one) => sum + one, 0);
    process.stdout.write(`first view: ${scripts.size} scripts, ${(bytes / 1000).toFixed(1)} KB transferred\n`);
    expect(bytes).toBeLessThan(MOST_BYTES);
    expect(scripts.size).toBeLessThanOrEqual(MOST_SCRIPTS);
    await context.close();
  });

  test("a pane that cannot be loaded says so, and comes when it is tried again", async () => {
    const have = await without(/\/assets\/MembersPane-/);
    await reload();
    await page.getByRole("tab", { name: "Members" }).click();
    const pane = page.getByRole("tabpanel", { name: "Members" });
    await pane.getByText(NOT_LOADED).waitFor();
    // The rest goes on.
    expect(await page.getByRole("log").isVisible()).toBe(true);
    await have();
    await pane.getByRole("button", { name: "Try again" }).click();
    await pane.getByText("@host").first().waitFor();
    expect(await pane.getByText(NOT_LOADED).count()).toBe(0);
  });

  test("words that cannot be loaded are asked for again too, and no key is ever shown", async () => {
    await page.evaluate(() => localStorage.removeItem("multiplayer.pane"));
    const have = await without(/\/assets\/terminal-/);
    await reload();
    await page.getByRole("tab", { name: "Terminal" }).click();
    const pane = page.getByRole("tabpanel", { name: "Terminal" });
    await pane.getByText(NOT_LOADED).waitFor();
    await have();
    await pane.getByRole("button", { name: "Try again" }).click();
    await pane.getByText(NOT_LOADED).waitFor({ state: "detached" });
    expect(await page.locator("body").innerText()).not.toMatch(/\b(terminal|shell|timeline|common)\.[a-z]/);
  });

  test("a window that cannot be loaded can be given up, or tried again", async () => {
    const have = await without(/\/assets\/Palette-/);
    await reload();
    await page.keyboard.press("Control+k");
    const said = page.getByRole("dialog", { name: NOT_LOADED });
    await said.waitFor();
    await page.keyboard.press("Escape");
    await said.waitFor({ state: "detached" });
    await page.keyboard.press("Control+k");
    await said.waitFor();
    await have();
    await said.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("combobox").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("combobox").waitFor({ state: "detached" });
  });

  test("a menu that cannot be loaded says so, and opens when it is tried again", async () => {
    const have = await without(/\/assets\/menus-/);
    await reload();
    const more = page.locator("main header").getByRole("button", { name: HEAD_MENU });
    await more.click();
    await page.getByText(NOT_LOADED).waitFor();
    // It comes by itself, as a pointer at the button or a moment of rest fetches it: it does not open for that.
    await page.mouse.move(0, 0);
    const comes = page.waitForResponse(/\/assets\/menus-/);
    await have();
    await more.hover();
    await comes;
    expect(await page.getByRole("menuitem").count()).toBe(0);
    await page.getByRole("region", { name: "Notifications" }).getByRole("button", { name: "Try again" }).click();
    await page.getByRole("menuitem").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("menuitem").first().waitFor({ state: "detached" });
    // The focus comes back to where it was, and the keyboard leads into the menu.
    await expect.poll(focused).toBe(HEAD_MENU);
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem").first().waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("menuitem");
    await page.keyboard.press("Escape");
  });

  test("the keyboard leads into a menu that has yet to be fetched", async () => {
    await reload();
    await page.locator("main header").getByRole("button", { name: HEAD_MENU }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menuitem").first().waitFor();
    await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("role"))).toBe("menuitem");
    await page.keyboard.press("Escape");
    await expect.poll(focused).toBe(HEAD_MENU);
  });

  test("a room that cannot be loaded says so, and is tried again in its place", async () => {
    const have = await without(/\/assets\/markdown-/);
    await page.goto(room);
    await page.getByText(NOT_LOADED).waitFor();
    await have();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("log").waitFor();
  });

  test("where nothing can be drawn, there is a sentence and a way to go on", async () => {
    const have = await without(/\/assets\/start-/);
    await page.goto(room);
    await page.getByText("The page could not be loaded.").waitFor();
    await have();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("log").waitFor();
  });

  test("a new version is told of only when there is one", async () => {
    const have = await without(/\/assets\/UsagePane-/);
    await reload();
    await page.getByRole("tab", { name: "Usage" }).click();
    await page.getByRole("tabpanel", { name: "Usage" }).getByText(NOT_LOADED).waitFor();
    expect(await page.getByText("There is a new version of this page.").count()).toBe(0);
    await page.route(`${server.url}/`, (route) =>
      route.fulfill({
        contentType: "text/html",
        body: '<script type="module" src="/assets/index-another.js"></script>',
      }),
    );
    await page.getByRole("tabpanel", { name: "Usage" }).getByRole("button", { name: "Try again" }).click();
    await page.getByText("There is a new version of this page.").waitFor();
    await page.unroute(`${server.url}/`);
    await have();
  });

  test("the way in asks for less than the rooms", async () => {
    const way = await openTab(browser, { url: server.url });
    const asked: string[] = [];
    way.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await way.page.goto("/sign-in");
    await way.page.getByLabel("Password").waitFor();
    expect(asked.filter((path) => /\/assets\/(markdown|menus|windows|rich)-/.test(path))).toEqual([]);
    expect(way.wrongs).toEqual([]);
    await way.context.close();
  });

  test("nothing went wrong meanwhile", () => {
    expect(tab.wrongs).toEqual([]);
  });
});
