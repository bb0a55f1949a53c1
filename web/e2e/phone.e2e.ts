/** All that matters on a phone: the drawer, the sheets, writing, approving, stopping, a file, settings, search; and Chinese as it is typed. */

import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { text } from "./samples";
import { type ScriptedModel, scriptedModel } from "./scripted";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("on a phone", () => {
  let model: ScriptedModel;
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let room: string;
  let mei: Person;
  const button = (name: string | RegExp) => mei.page.getByRole("button", { name });
  const dialog = (name: string | RegExp) => mei.page.getByRole("dialog", { name });

  beforeAll(async () => {
    model = await scriptedModel();
    [server, browser] = await Promise.all([startServer(model.settings), launch()]);
    operator = await Operator.of(server);
    room = await operator.makesRoom("pocket");
    await operator.sets(room, { approvals: { admins_confirm: true } });
    const made = await operator.makes("mei", "admin", [room, await operator.room("welcome")]);
    mei = await signIn(browser, made.link, "mei", { width: 390, height: 844, touch: true });
  });

  /** Nothing is wider than the screen, and the composer is whole and uncovered where there is one. */
  afterEach(async ({ task }) => {
    await pictured(task, [mei]);
    expect(mei.tab.wrongs).toEqual([]);
    await fits();
  });

  afterAll(() => ended(browser, server, model));

  async function fits(): Promise<void> {
    expect(await mei.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(
      0,
    );
  }

  /** A finger in the middle of it would meet it, and nothing that lies over it. */
  async function isFree(target: Locator): Promise<void> {
    const over = () =>
      target.evaluate((element) => {
        const box = element.getBoundingClientRect();
        if (box.bottom > window.innerHeight || box.right > window.innerWidth) return "outside of the window";
        const met = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        return met !== null && (element.contains(met) || met.contains(element))
          ? ""
          : (met?.outerHTML.slice(0, 200) ?? "none");
      });
    await expect.poll(over).toBe("");
  }

  async function opens(name: string): Promise<void> {
    await mei.page.getByRole("link", { name }).tap();
    await mei.page.getByRole("heading", { name, level: 1 }).waitFor();
    await mei.field.waitFor();
  }

  test("the rooms are a list of their own, and lead into a room and back", async () => {
    await opens("welcome");
    await button(/^Back to the rooms/).tap();
    await opens("pocket");
    await isFree(mei.field);
  });

  test("a message is written with the keyboard of the phone in the way", async () => {
    await mei.page.setViewportSize({ width: 390, height: 460 });
    await isFree(mei.field);
    await mei.field.fill("one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten");
    await isFree(button("Send"));
    await button("Send").tap();
    await mei.message("ten").waitFor();
    await isFree(mei.field);
    await mei.page.setViewportSize({ width: 390, height: 844 });
  });

  test("what can be done with a message is reached by a tap", async () => {
    await mei.message("ten").getByText("ten").tap();
    await button("Reply").last().tap();
    await button("Do not reply").waitFor();
    await isFree(mei.field);
    await mei.say("an answer to it");
    await mei.message("an answer to it").waitFor();
  });

  test("a call is approved by a tap, and a turn is stopped by one", async () => {
    model.will({ tool: "execute_command", arguments: { command: `echo ${"wide ".repeat(60)}` } });
    await mei.say("@ai run it");
    const approve = button("Approve once");
    await approve.waitFor();
    await approve.scrollIntoViewIfNeeded();
    await isFree(approve);
    await isFree(mei.field);
    await approve.tap();
    await mei.log.getByRole("region", { name: "ran a command: Done" }).last().waitFor();
    model.will("hold");
    await mei.say("@ai go on");
    await mei.log.getByText("I begin, and go on.").waitFor();
    const stop = button(/^Stop/).last();
    await isFree(stop);
    await stop.tap();
    await mei.log
      .getByText(/Stopped by/)
      .last()
      .waitFor();
  });

  test("a file is attached and sent", async () => {
    const [chooser] = await Promise.all([mei.page.waitForEvent("filechooser"), button("Attach files").tap()]);
    await chooser.setFiles([text("a-rather-long-name-of-a-file-that-goes-on.txt", "sesame"), text("two.txt", "two")]);
    await button("Take off two.txt").waitFor();
    await isFree(button("Take off two.txt"));
    await isFree(mei.field);
    await button("Send").tap();
    await mei.log.getByRole("link", { name: /two\.txt/ }).waitFor();
  });

  test("the panes are sheets that open and close", async () => {
    await button(/^\d+ members/).tap();
    await dialog("Members").getByText("@mei").waitFor();
    for (const name of ["What the AI knows", "Files", "Terminal", "Usage"]) {
      await mei.page.getByRole("tab", { name }).tap();
      await dialog(name).waitFor();
      await fits();
    }
    await button("Hide the pane beside the room").tap();
    await dialog("Usage").waitFor({ state: "hidden" });
    await isFree(mei.field);
  });

  test("settings of the room and search fit and work", async () => {
    await button("More about this room").tap();
    await mei.page.getByRole("menuitem", { name: "Room settings" }).tap();
    const settings = mei.page.getByRole("dialog");
    const sections = settings.getByRole("combobox").first();
    for (const value of ["ai", "approvals", "triggers", "general"]) {
      await sections.selectOption(value);
      await mei.page.waitForURL(`**/settings/${value}`);
      await fits();
    }
    await settings.getByRole("button", { name: "Close" }).tap();
    await settings.waitFor({ state: "hidden" });
    await button("More about this room").tap();
    await mei.page.getByRole("menuitem", { name: "Search this room" }).tap();
    await mei.page.getByRole("searchbox").fill("answer");
    await mei.page.getByRole("searchbox").press("Enter");
    await fits();
    await mei.page.getByRole("link", { name: /an answer to it/ }).tap();
    await mei.message("an answer to it").waitFor();
  });

  test("Chinese is typed, chosen and sent as it should be", async () => {
    const lan = await signIn(
      browser,
      (await operator.makes("lan", "member", [room], { display_name: "兰" })).link,
      "lan",
      {
        locale: "zh-CN",
        width: 390,
        height: 844,
        touch: true,
      },
    );
    const page = lan.page;
    const field = page.locator("textarea[data-landmark-focus]");
    await page.getByRole("link", { name: "pocket" }).tap();
    await field.waitFor();
    const keyboard = await lan.tab.context.newCDPSession(page);
    const composes = (letters: string) =>
      keyboard.send("Input.imeSetComposition", {
        text: letters,
        selectionStart: letters.length,
        selectionEnd: letters.length,
      });
    /** A key that the input method takes for itself: the page hears of it as one that is being composed. */
    const takes = async (key: string) => {
      for (const type of ["rawKeyDown", "keyUp"] as const) {
        await keyboard.send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: 229 });
      }
    };
    const becomes = (words: string) => keyboard.send("Input.insertText", { text: words });
    await field.focus();
    // Enter takes the letters as they are: nothing is sent.
    await composes("ceshi");
    await takes("Enter");
    await becomes("测试");
    expect(await field.inputValue()).toBe("测试");
    expect(await lan.log.getByText(/ceshi|测试/).count()).toBe(0);
    await field.press("Enter");
    await mei.message("测试").waitFor();
    expect(await field.inputValue()).toBe("");
    // Names fit while they are put together, and are taken afterwards.
    await becomes("请看@");
    await page.getByRole("listbox").waitFor();
    await composes("me");
    await takes("ArrowDown");
    await takes("Enter");
    await becomes("me");
    expect(await field.inputValue()).toBe("请看@me");
    await page.getByRole("option", { name: /mei/ }).waitFor();
    await field.press("Enter");
    expect(await field.inputValue()).toMatch(/^请看@mei\s?$/);
    await becomes("一下");
    await field.press("Enter");
    await mei.message(/请看@mei\s?一下/).waitFor();
    expect(lan.tab.wrongs).toEqual([]);
    await lan.tab.context.close();
  });
});
