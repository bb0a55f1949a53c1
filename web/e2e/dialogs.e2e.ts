/** Windows over the page, by keyboard: each takes the focus and gives it back; the parts of the page; keys that are switched off. */

import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Keys } from "./keys";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { picture, text } from "./samples";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("windows and parts of the page, by keyboard", () => {
  let server: Server;
  let browser: Browser;
  let kim: Person;
  let keys: Keys;
  const button = (name: string | RegExp) => kim.page.getByRole("button", { name });
  const dialog = (name?: string | RegExp) => kim.page.getByRole("dialog", name === undefined ? {} : { name });
  const item = (name: string | RegExp) => kim.page.getByRole("menuitem", { name });
  const row = (words: string) => kim.message(words);

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    const operator = await Operator.of(server);
    const room = await operator.makesRoom("windows");
    await operator.makes("sam", "member", [room]);
    kim = await signIn(browser, (await operator.makes("kim", "admin", [room])).link, "kim");
    await kim.opens("windows");
    keys = new Keys(kim.page);
    await kim.field.fill("a message to begin with");
    await kim.field.press("Enter");
    await row("a message to begin with").waitFor();
  });

  afterEach(async ({ task }) => {
    await pictured(task, [kim]);
    expect(kim.tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, server));

  /** Goes to a button by Tab, opens its window by Enter, closes it by Escape. */
  async function opensAndCloses(opener: Locator, window: Locator): Promise<void> {
    await keys.to(opener);
    await keys.press("Enter");
    await window.waitFor();
    await keys.isSeen();
    await keys.closes(window, opener);
    await keys.isSeen();
  }

  async function picks(menu: Locator, name: string | RegExp): Promise<void> {
    await keys.to(menu);
    await keys.press("Enter");
    await keys.to(item(name), "ArrowDown");
    await keys.press("Enter");
  }

  test("from the list of rooms", async () => {
    await keys.to(kim.page.getByRole("link", { name: "windows" }), "F6");
    await opensAndCloses(button("New room"), dialog("New room"));
    await opensAndCloses(button("New direct message"), dialog("New direct message"));
    await opensAndCloses(button(/^Search or jump/), dialog("Jump to"));
    await picks(button("Your menu"), "Keyboard");
    await keys.closes(dialog("Keyboard"), button("Your menu"));
  });

  test("from the menu of the room", async () => {
    const more = button("More about this room");
    await picks(more, "Leave the room");
    await keys.closes(dialog("Leave windows?"), more);
    await picks(more, "Room settings");
    await dialog().waitFor();
    await keys.to(dialog().getByRole("link", { name: "Approvals" }));
    await keys.press("Enter");
    await kim.page.waitForURL("**/settings/approvals");
    await expect.poll(() => keys.at()).not.toBe("body");
    await keys.closes(dialog(), more);
  });

  test("from a message", async () => {
    const article = row("a message to begin with");
    await keys.to(kim.log.getByRole("article"), "F6");
    await keys.to(article, "k");
    const more = article.getByRole("button", { name: "More" });
    await picks(more, "Why did the AI answer");
    await keys.closes(dialog("Why an AI answered, or not"), more);
    await picks(more, "Delete");
    await keys.closes(dialog("Delete this message?"), more);
    await picks(more, "Edit");
    await keys.arrives(kim.page.getByRole("textbox", { name: "Edit the message" }));
    await keys.press("Escape");
    await keys.arrives(article);
    await keys.press("+");
    await keys.arrives(kim.page.getByRole("searchbox", { name: "Search emoji" }));
    await keys.press("Escape");
    await expect.poll(() => keys.at()).not.toBe("body");
  });

  test("from the field", async () => {
    await keys.to(kim.field, "F6");
    await keys.type("/help");
    await keys.press("Escape", "Enter");
    await keys.closes(dialog("Commands"), kim.field);
    await keys.to(button("Attach files"), "Shift+Tab");
    const [chooser] = await Promise.all([kim.page.waitForEvent("filechooser"), keys.press("Enter")]);
    await chooser.setFiles([picture("dot.png"), text("a.txt", "a")]);
    await button("Take off a.txt").waitFor();
    await keys.to(button("Take off a.txt"), "Shift+Tab");
    await keys.press("Enter");
    await button("Take off a.txt").waitFor({ state: "hidden" });
    await expect.poll(() => keys.at()).not.toBe("body");
    await keys.to(kim.field, "F6");
    await keys.type("with a picture");
    await keys.press("Enter");
    await row("with a picture").getByRole("button", { name: "Open the picture dot.png" }).waitFor();
    await keys.to(kim.log.getByRole("article"), "F6");
    await keys.press("G");
    await keys.arrives(row("with a picture"));
    await opensAndCloses(
      row("with a picture").getByRole("button", { name: "Open the picture dot.png" }),
      dialog("dot.png"),
    );
  });

  test("from the pane beside the room", async () => {
    const tabs = kim.page.getByRole("tablist", { name: "Beside the room" });
    await keys.to(tabs.getByRole("tab"), "F6");
    await keys.to(tabs.getByRole("tab", { name: "Members" }), "ArrowRight");
    await opensAndCloses(button("Add someone"), dialog("Add someone"));
    await opensAndCloses(button("Add an AI"), dialog("Add an AI"));
    await picks(button("What can be done: sam"), "Remove from the room");
    await keys.closes(dialog("Remove sam?"), button("What can be done: sam"));
    await opensAndCloses(button("Make an invite link"), dialog("Make an invite link"));
    await keys.to(tabs.getByRole("tab"), "F6");
    await keys.to(tabs.getByRole("tab", { name: "Files" }), "ArrowRight");
    await opensAndCloses(button("New file"), dialog("New file"));
  });

  test("F6 goes through the parts of the page and back", async () => {
    await keys.to(kim.field, "F6");
    const parts: string[] = [];
    const part = () =>
      kim.page.evaluate(
        () => document.activeElement?.closest<HTMLElement>("[data-landmark]")?.dataset.landmark ?? "none",
      );
    for (let step = 0; step < 5; step++) {
      await keys.press("F6");
      await keys.isSeen();
      parts.push(await part());
    }
    expect(new Set(parts)).toEqual(new Set(["rooms", "room", "composer", "detail"]));
    const before = parts.at(-2);
    await keys.press("Shift+F6");
    expect(await part()).toBe(before);
  });

  test("the sheet of keys lists all that are heard, and switches single ones off", async () => {
    await keys.to(kim.log.getByRole("article"), "F6");
    await keys.press("?");
    const sheet = dialog("Keyboard");
    await sheet.waitFor();
    const shown = (await sheet.locator("kbd").allInnerTexts()).map((one) => one.trim());
    for (const key of ["/", "?", "[", "]", "j", "k", "G", "r", "t", "e", "+", "u", "a", "d", "F6", "Esc"]) {
      expect(shown.map((one) => one.toLowerCase())).toContain(key.toLowerCase());
    }
    await keys.to(sheet.getByRole("switch", { name: "Single keys" }));
    await keys.press("Space", "Escape");
    await sheet.waitFor({ state: "hidden" });
    await expect.poll(() => keys.at()).toMatch(/^article/);
    const at = await keys.at();
    await keys.press("j", "k", "?", "/");
    expect(await keys.at()).toBe(at);
    expect(await dialog().count()).toBe(0);
    expect(kim.page.url()).not.toContain("search");

    await picks(button("Your menu"), "Account settings");
    await keys.to(kim.page.getByRole("switch", { name: /single keys/i }));
    await keys.press("Space");
    await keys.press("/");
    await keys.arrives(kim.page.getByRole("searchbox", { name: "Words to find" }));
  });
});
