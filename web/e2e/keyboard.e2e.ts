/** A journey with the keyboard alone: come in, write, select, answer, approve, stop, files, roles; the focus is never lost. */

import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, openTab, type Tab } from "./browser";
import { ended } from "./ended";
import { Keys } from "./keys";
import { Operator } from "./operator";
import { Person, pictured } from "./person";
import { type ScriptedModel, scriptedModel } from "./scripted";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("with the keyboard alone", () => {
  let model: ScriptedModel;
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let welcome: string;
  let tab: Tab;
  let keys: Keys;
  let kim: Person;
  const row = (words: string | RegExp) => kim.message(words);
  const button = (name: string | RegExp) => kim.page.getByRole("button", { name });
  const dialog = (name?: string | RegExp) => kim.page.getByRole("dialog", name === undefined ? {} : { name });
  const card = (state: string) =>
    kim.log.getByRole("article").filter({ has: kim.page.getByRole("region", { name: state }) });

  beforeAll(async () => {
    model = await scriptedModel();
    [server, browser] = await Promise.all([startServer(model.settings), launch()]);
    operator = await Operator.of(server);
    welcome = await operator.room("welcome");
    await operator.makes("sam", "member", [welcome]);
    const invite = await operator.invite(welcome, "admin");
    tab = await openTab(browser, { url: server.url });
    kim = new Person(tab, "kim");
    keys = new Keys(tab.page);
    await tab.page.goto(invite.link);
  });

  afterEach(async ({ task }) => {
    await pictured(task, [kim]);
    expect(tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, server, model));

  /** Into the list of messages, whatever has the focus. */
  async function toLog(): Promise<void> {
    await keys.to(kim.log.getByRole("article"), "F6");
  }

  async function toRow(target: Locator): Promise<void> {
    await toLog();
    await keys.press("G");
    await target.waitFor();
    // What has come meanwhile is the last one now.
    await keys.press("G");
    await keys.to(target, "k");
  }

  async function says(words: string): Promise<void> {
    await keys.to(kim.field, "F6");
    await keys.type(words);
    await keys.press("Enter");
  }

  test("an invite link leads into the room", async () => {
    await keys.to(kim.page.getByLabel("Handle"));
    await keys.type("kim");
    await keys.to(kim.page.getByLabel("Name that others see"));
    await keys.type("Kim");
    await keys.to(kim.page.getByLabel("Password"));
    await keys.type("correct horse battery");
    await keys.press("Enter");
    await kim.log.waitFor();
    const side = await operator.makesRoom("side");
    await operator.does(side, { type: "invite_member", handle: "kim", role: "member" });
    await kim.page.getByRole("link", { name: "side" }).waitFor();
  });

  test("a message is written and sent", async () => {
    await says("hello from the keyboard");
    await row("hello from the keyboard").waitFor();
    await keys.arrives(kim.field);
  });

  test("the palette leads to another room and back", async () => {
    for (const name of ["side", "welcome"]) {
      await keys.press("Control+k");
      await keys.arrives(kim.page.getByRole("combobox"));
      await keys.type(name);
      await kim.page.getByRole("option", { name }).first().waitFor();
      await keys.press("Enter");
      await kim.page.getByRole("heading", { name, level: 1 }).waitFor();
      await expect.poll(() => keys.at()).not.toBe("body");
    }
    await keys.to(kim.field, "F6");
    await keys.press("Control+k");
    await keys.closes(dialog("Jump to"), kim.field);
    await keys.press("Alt+ArrowDown");
    await kim.page.getByRole("heading", { name: "welcome", level: 1 }).waitFor({ state: "hidden" });
    await keys.press("Alt+ArrowUp");
    await kim.page.getByRole("heading", { name: "welcome", level: 1 }).waitFor();
  });

  test("the palette knows where people are invited, by that word", async () => {
    await keys.press("Control+k");
    await keys.arrives(kim.page.getByRole("combobox"));
    await keys.type("invite");
    await kim.page.getByRole("option", { name: "Members: add or invite people" }).waitFor();
    await keys.press("Enter");
    await kim.page.getByRole("tabpanel", { name: "Members" }).waitFor();
    await keys.to(kim.field, "F6");
  });

  test("messages are selected, answered, reacted to and edited by single keys", async () => {
    await toRow(row("hello from the keyboard"));
    await keys.press("k");
    await expect.poll(() => keys.isAt(row("hello from the keyboard"))).toBe(false);
    await keys.press("j");
    await keys.arrives(row("hello from the keyboard"));
    await keys.isSeen();
    await keys.press("r");
    await keys.arrives(kim.field);
    await button("Do not reply").waitFor();
    await keys.type("an answer");
    await keys.press("Enter");
    await row("an answer").waitFor();

    await toRow(row("an answer"));
    await keys.press("+");
    await keys.arrives(kim.page.getByRole("searchbox", { name: "Search emoji" }));
    await keys.type("thumbs up");
    await expect.poll(() => kim.page.getByRole("gridcell").first().getAttribute("aria-label")).toMatch(/thumbs up/i);
    await keys.press("Enter");
    await row("an answer").getByRole("button", { name: /👍 1/ }).waitFor();
    await expect.poll(() => keys.at()).not.toBe("body");

    await toRow(row("an answer"));
    await keys.press("e");
    await keys.arrives(kim.page.getByRole("textbox", { name: "Edit the message" }));
    await keys.type(", mended");
    await keys.press("Enter");
    await keys.arrives(row("an answer, mended"));
    await keys.press("e");
    await keys.arrives(kim.page.getByRole("textbox", { name: "Edit the message" }));
    await keys.press("Escape");
    await keys.arrives(row("an answer, mended"));

    await keys.to(kim.field, "F6");
    await keys.press("ArrowUp");
    await keys.arrives(kim.page.getByRole("textbox", { name: "Edit the message" }));
    await keys.press("Escape");
    await keys.arrives(kim.field);
  });

  test("a thread is opened, written in and closed", async () => {
    await toRow(row("an answer, mended"));
    await keys.press("t");
    const thread = dialog("Thread");
    // Past a message and what can be done with it, which goes as the focus leaves.
    await keys.to(thread.getByRole("article"));
    await keys.to(thread.getByRole("textbox", { name: "Reply in the thread" }));
    await keys.type("in the thread");
    await keys.press("Enter");
    await thread.getByRole("article").filter({ hasText: "in the thread" }).waitFor();
    await keys.closes(thread, kim.log.getByRole("article"));
  });

  test("what was said is searched, and a find opened", async () => {
    await keys.press("/");
    await keys.arrives(kim.page.getByRole("searchbox", { name: "Words to find" }));
    await keys.type("hello keyboard");
    await keys.press("Enter");
    await keys.to(kim.page.getByRole("link", { name: /hello from the keyboard/ }));
    await keys.press("Enter");
    await row("hello from the keyboard").waitFor();
    await toLog();
  });

  test("a card is approved by a, denied by d, and never from the composer", async () => {
    model.will({ tool: "execute_command", arguments: { command: "echo first" } });
    await says("@ai run the first");
    await card(": Needs approval").waitFor();
    await keys.arrives(kim.field);
    await keys.press("a");
    await expect.poll(() => kim.field.inputValue()).toBe("a");
    await keys.press("Backspace");
    await toRow(card(": Needs approval"));
    await keys.press("a");
    await kim.log.getByRole("region", { name: "ran a command: Done" }).last().waitFor();
    await expect.poll(() => keys.at()).not.toBe("body");

    model.will({ tool: "execute_command", arguments: { command: "echo second" } });
    await says("@ai run the second");
    await card(": Needs approval").waitFor();
    // From elsewhere the key leads to the card first: nobody decides what they have not looked at.
    await keys.to(kim.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "welcome" }), "F6");
    await keys.press("d");
    await keys.arrives(
      kim.page.getByRole("article").filter({ has: kim.page.getByRole("region", { name: /: Needs approval/ }) }),
    );
    expect(await card(": Needs approval").count()).toBe(1);
    await keys.press("d");
    await kim.log.getByRole("region", { name: ": Denied" }).last().waitFor();
    await expect.poll(() => keys.at()).not.toBe("body");
  });

  test("what can do much takes the key twice", async () => {
    model.will({ tool: "execute_command", arguments: { command: "echo long", timeout_s: 300 } });
    await says("@ai run the long one");
    await toRow(card(": Needs approval"));
    await keys.press("a");
    await keys.arrives(button("Approve once"));
    await kim.page.getByText("Press the key again").waitFor();
    expect(await card(": Needs approval").count()).toBe(1);
    await keys.press("a");
    await card(": Needs approval").waitFor({ state: "hidden" });
    await kim.log.getByRole("region", { name: "ran a command: Done" }).nth(1).waitFor();
    await expect.poll(() => keys.at()).not.toBe("body");
  });

  test("Escape stops a running turn", async () => {
    model.will("hold");
    await says("@ai go on and on");
    await kim.log.getByText("I begin, and go on.").waitFor();
    await keys.press("Escape");
    await kim.log
      .getByText(/Stopped by/)
      .last()
      .waitFor();
    await expect.poll(() => model.held()).toBe(0);
  });

  test("what a turn changed is undone", async () => {
    model.will({ tool: "write_file", arguments: { path: "plan.md", content: "one\n" } }, "The plan is written.");
    await says("@ai write a plan");
    await row("The plan is written.").waitFor();
    await toRow(row("The plan is written."));
    await keys.to(button("Undo turn"), "Shift+Tab");
    await keys.press("Enter");
    const sure = kim.page.getByRole("alertdialog").or(kim.page.getByRole("dialog"));
    await keys.to(sure.getByRole("button", { name: /Undo/ }));
    await keys.press("Enter");
    await kim.log.getByText("Undone.").first().waitFor();
    await keys.arrives(kim.log.getByRole("article").filter({ hasText: "Undone." }));
  });

  test("a file is sent and fetched", async () => {
    await keys.to(kim.field, "F6");
    await keys.to(button("Attach files"), "Shift+Tab");
    const [chooser] = await Promise.all([kim.page.waitForEvent("filechooser"), keys.press("Enter")]);
    await chooser.setFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("sesame") });
    await button("Take off notes.txt").waitFor();
    await keys.to(kim.field);
    await keys.type("a file");
    await keys.press("Enter");
    await row("a file")
      .getByRole("link", { name: /notes\.txt/ })
      .waitFor();
    await toRow(row("a file"));
    await keys.to(row("a file").getByRole("link", { name: /notes\.txt/ }));
    const [file] = await Promise.all([kim.page.waitForEvent("download"), keys.press("Enter")]);
    expect(file.suggestedFilename()).toBe("notes.txt");
  });

  test("panes open and close by [ and ], and a role is changed there", async () => {
    await toLog();
    const rooms = kim.page.getByRole("navigation", { name: "Rooms" });
    await keys.press("[");
    await rooms.waitFor({ state: "hidden" });
    await keys.press("[");
    await rooms.waitFor();
    const tabs = kim.page.getByRole("tablist", { name: "Beside the room" });
    await keys.press("]");
    await tabs.waitFor({ state: "hidden" });
    await keys.press("]");
    await keys.to(tabs.getByRole("tab"), "F6");
    await keys.to(tabs.getByRole("tab", { name: "Members" }), "ArrowRight");
    const menu = button("What can be done: sam");
    await keys.to(menu);
    await keys.press("Enter");
    await keys.to(kim.page.getByRole("menuitem", { name: "Role" }), "ArrowDown");
    await keys.press("ArrowRight");
    await keys.to(kim.page.getByRole("menuitemradio", { name: /Guest/ }), "ArrowDown");
    await keys.press("Enter");
    await keys.closes(dialog("Make sam Guest?"), menu);
    await keys.press("Enter", "ArrowDown");
    await keys.to(kim.page.getByRole("menuitem", { name: "Role" }), "ArrowDown");
    await keys.press("ArrowRight");
    await keys.to(kim.page.getByRole("menuitemradio", { name: /Guest/ }), "ArrowDown");
    await keys.press("Enter");
    await keys.to(button("Change the role"));
    await keys.press("Enter");
    await kim.log.getByText(/changed the role of \P{L}*sam\P{L}* to Guest/u).waitFor();
    await expect.poll(() => keys.at()).not.toBe("body");
  });
});
