/** The real pages, for everyone: what axe says of them, and whether all of them can be reached on small and enlarged screens. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faults } from "./axe";
import { CHROMIUM, launch, openTab, type Tab } from "./browser";
import { ended } from "./ended";
import { misfits, settled } from "./fit";
import { type Person, signIn } from "./person";
import { type Server, startServer } from "./server";

const PANES = ["context", "members", "files", "terminal", "usage"];

describe.skipIf(CHROMIUM === undefined)("the real pages", () => {
  let server: Server;
  let browser: Browser;
  let host: Person;
  let room: string;
  let thread: string;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
    room = new URL(host.page.url()).pathname;
    await host.say("@ai run the tests");
    await asking(host.page).waitFor();
    await host.message("@ai run the tests").focus();
    await host.page.keyboard.press("t");
    await host.page.getByRole("dialog", { name: "Thread" }).waitFor();
    thread = new URL(host.page.url()).pathname;
  });

  afterAll(() => ended(browser, server));

  const asking = (page: Page) => page.getByRole("region", { name: /Needs approval/ }).last();

  /** In both themes, then enlarged to 200 %, then on the narrowest screen. */
  async function look({ page, wrongs }: Tab): Promise<readonly string[]> {
    const found = new Set([...(await faults(page)), ...(await misfits(page, { target: 24 }))]);
    await page.emulateMedia({ colorScheme: "dark" });
    await settled(page);
    for (const wrong of await faults(page, "colours")) found.add(wrong);
    await page.emulateMedia({ colorScheme: "light" });
    const usual = page.viewportSize() ?? { width: 1440, height: 900 };
    for (const [width, height] of [
      [640, 400],
      [320, 568],
    ] as const) {
      await page.setViewportSize({ width, height });
      await settled(page);
      for (const wrong of await misfits(page, { target: 24 })) found.add(`${width}x${height}: ${wrong}`);
    }
    await page.setViewportSize(usual);
    await settled(page);
    return [...found, ...wrongs];
  }

  test("a room in which the AI asks for something", async () => {
    await host.page.goto(room);
    await asking(host.page).waitFor();
    expect(await look(host.tab)).toEqual([]);
  });

  test("a thread", async () => {
    await host.page.goto(thread);
    await host.page.getByRole("dialog", { name: "Thread" }).getByRole("textbox").waitFor();
    expect(await look(host.tab)).toEqual([]);
  });

  test("the settings of the room, and one's own", async () => {
    await host.page.goto(`${room}/settings`);
    await host.page.getByRole("dialog").getByRole("textbox").first().waitFor();
    expect(await look(host.tab)).toEqual([]);
    await host.page.goto("/settings");
    await host.page.getByRole("combobox").first().waitFor();
    expect(await look(host.tab)).toEqual([]);
  });

  test.each(PANES)("the pane %s", async (pane) => {
    await host.page.goto(`${room}?pane=${pane}`);
    await host.page.getByRole("tabpanel").first().waitFor();
    await host.page.waitForLoadState("networkidle");
    expect(await look(host.tab)).toEqual([]);
  });

  test("the palette", async () => {
    await host.page.goto(room);
    await asking(host.page).waitFor();
    await host.page.keyboard.press("Control+k");
    await host.page.getByRole("dialog").getByRole("option").first().waitFor();
    expect(await look(host.tab)).toEqual([]);
  });

  test("search, and the window for a new room", async () => {
    await host.page.goto("/search?q=tests");
    await host.page
      .getByRole("link", { name: /run the tests/ })
      .first()
      .waitFor();
    expect(await look(host.tab)).toEqual([]);
    await host.page.goto(room);
    await host.page.getByRole("button", { name: "New room" }).first().click();
    await host.page.getByRole("dialog").getByRole("textbox").first().waitFor();
    expect(await look(host.tab)).toEqual([]);
  });

  test("the page to sign in on", async () => {
    const stranger = await openTab(browser, { url: server.url });
    await stranger.page.goto("/sign-in");
    await stranger.page.getByRole("textbox").first().waitFor();
    expect(await look(stranger)).toEqual([]);
    await stranger.context.close();
  });

  test("on a phone every button is large enough for a finger", async () => {
    const { link } = await server.command("user", "reset", "host");
    const { tab, page } = await signIn(browser, String(link), "host", { width: 390, height: 844, touch: true });
    const found = new Set<string>();
    for (const path of ["/", room, thread, `${room}/settings`, ...PANES.map((pane) => `${room}?pane=${pane}`)]) {
      await page.goto(path);
      await page.getByRole("link").or(page.getByRole("dialog")).first().waitFor();
      await page.waitForLoadState("networkidle");
      for (const width of [390, 320]) {
        await page.setViewportSize({ width, height: width === 390 ? 844 : 568 });
        await settled(page);
        for (const wrong of await misfits(page, { target: 24, finger: 44 })) found.add(`${path} ${width}: ${wrong}`);
      }
    }
    expect([...found, ...tab.wrongs]).toEqual([]);
    await tab.context.close();
  });
});
