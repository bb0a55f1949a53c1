/** Writing: nothing that was written is lost, whatever is left meanwhile, and the keyboard is where one writes. */

import type { Browser, Dialog } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { hasFocus } from "./keys";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { text } from "./samples";
import { type Server, startServer } from "./server";

const NAME = "Alexandra Konstantinopolous of the harbour office";

describe.skipIf(CHROMIUM === undefined)("who writes", () => {
  let server: Server;
  let browser: Browser;
  let ana: Person;
  let bob: Person;
  let phone: Person;
  const edits = () => ana.page.getByRole("textbox", { name: "Edit the message" });
  const thread = () => ana.page.getByRole("dialog", { name: "Thread" });
  const times = (words: string) => ana.log.getByRole("article").filter({ hasText: words }).count();

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    const operator = await Operator.of(server);
    const rooms = [await operator.makesRoom("first"), await operator.makesRoom("second")];
    const made = await operator.makes("ana", "member", rooms);
    for (const handle of ["alexandra.design", "alexandra.support"]) {
      await operator.makes(handle, "member", rooms, { display_name: NAME });
    }
    ana = await signIn(browser, made.link, "ana");
    bob = await signIn(browser, (await operator.makes("bob", "member", rooms)).link, "bob");
    await bob.opens("first");
    phone = await signIn(browser, await operator.link(made.id), "ana's phone", {
      width: 390,
      height: 844,
      touch: true,
    });
    await ana.opens("first");
  });

  afterEach(async ({ task }) => {
    await pictured(task, [ana, bob, phone]);
    expect([...ana.tab.wrongs, ...bob.tab.wrongs, ...phone.tab.wrongs]).toEqual([]);
  });

  afterAll(() => ended(browser, server));

  /** The room is there: its field, not only its name. */
  async function isIn(room: string): Promise<void> {
    await ana.page.getByRole("textbox", { name: `Message #${room}` }).waitFor();
  }

  test("a message is sent, once, though the page is left in the moment after Enter", async () => {
    await ana.field.fill("said and gone");
    // As slow as a busy disk: until this page is gone, nothing more is kept.
    await ana.page.evaluate(
      () =>
        new Promise((answer) => {
          const opening = indexedDB.open("keyval-store");
          opening.onsuccess = () => {
            const store = opening.result.transaction("keyval", "readwrite").objectStore("keyval");
            const again = () => {
              store.get("anything").onsuccess = again;
              answer(undefined);
            };
            again();
          };
        }),
    );
    await ana.field.press("Enter");
    await ana.message("said and gone").waitFor();
    expect(await ana.field.inputValue()).toBe("");
    await ana.page.reload();
    await isIn("first");
    await ana.message("said and gone").waitFor();
    expect(await ana.field.inputValue()).toBe("");
    await bob.message("said and gone").waitFor();
    expect(await times("said and gone")).toBe(1);
  });

  test("another room by a key, or by the palette, has the keyboard in its field", async () => {
    await ana.field.focus();
    await ana.page.keyboard.press("Alt+ArrowDown");
    await isIn("second");
    await ana.page.keyboard.type("to the second");
    expect(await ana.field.inputValue()).toBe("to the second");
    await ana.page.keyboard.press("Control+k");
    await ana.page.getByRole("dialog").getByRole("combobox").fill("first");
    await ana.page.getByRole("option", { name: /first/ }).first().waitFor();
    await ana.page.keyboard.press("Enter");
    await isIn("first");
    await expect.poll(() => hasFocus(ana.field)).toBe(true);
    await ana.page.keyboard.type("back");
    expect(await ana.field.inputValue()).toBe("back");
    await ana.field.fill("");
  });

  test("a message whose file is on its way is sent from another room, and the page asks before it is left", async () => {
    const slow = await ana.tab.context.newCDPSession(ana.page);
    const speed = { offline: false, latency: 0, downloadThroughput: -1 };
    await slow.send("Network.emulateNetworkConditions", { ...speed, uploadThroughput: 30_000 });
    const [chooser] = await Promise.all([
      ana.page.waitForEvent("filechooser"),
      ana.page.getByRole("button", { name: "Attach files" }).click(),
    ]);
    await chooser.setFiles([text("long.txt", "sesame ".repeat(100_000))]);
    await ana.field.fill("with its file");
    await ana.field.press("Enter");
    await ana.page.getByText("Sends when the files are there").waitFor();
    expect(await ana.field.inputValue()).toBe("");
    const stays = (dialog: Dialog) => dialog.dismiss();
    const [asked] = await Promise.all([
      ana.page.waitForEvent("dialog"),
      ana.page.evaluate(() => setTimeout(() => location.reload())),
      ana.page.once("dialog", stays),
    ]);
    expect(asked.type()).toBe("beforeunload");
    await ana.field.fill("h");
    await ana.opens("second");
    await slow.send("Network.emulateNetworkConditions", { ...speed, uploadThroughput: -1 });
    await ana.page.getByRole("link", { name: /first/ }).click();
    await ana
      .message("with its file")
      .getByRole("link", { name: /long\.txt/ })
      .waitFor();
    expect(await ana.field.inputValue()).toBe("h");
    await ana.field.fill("");
  });

  test("words that are being edited are there again after another room", async () => {
    await ana.say("to be edited");
    await ana.message("to be edited").waitFor();
    await ana.editsLast();
    await edits().fill("to be edited, with care");
    await ana.opens("second");
    await ana.opens("first");
    expect(await edits().inputValue()).toBe("to be edited, with care");
    await edits().press("Enter");
    await ana.message("to be edited, with care").waitFor();
    await edits().waitFor({ state: "detached" });
  });

  test("a thread begins in its field; a message is edited there alone, and Escape ends only that", async () => {
    await ana.page.keyboard.press("F6");
    const row = ana.message("to be edited, with care");
    await row.focus();
    await ana.page.keyboard.press("t");
    const field = thread().getByRole("textbox", { name: "Reply in the thread" });
    await field.waitFor();
    await expect.poll(() => hasFocus(field)).toBe(true);
    await ana.page.keyboard.press("ArrowUp");
    await edits().first().waitFor();
    expect(await edits().count()).toBe(1);
    await ana.page.keyboard.press("Escape");
    await edits().waitFor({ state: "detached" });
    expect(await thread().count()).toBe(1);
    await field.fill("@al");
    await thread().getByRole("option").first().waitFor();
    await ana.page.keyboard.press("Escape");
    await thread().getByRole("listbox").waitFor({ state: "detached" });
    expect(await thread().count()).toBe(1);
    await field.fill("");
    await ana.page.keyboard.press("Escape");
    await thread().waitFor({ state: "detached" });
  });

  test("people of one name are told apart by their handles, on a phone too", async () => {
    await phone.page.getByRole("link", { name: /first/ }).click();
    await phone.field.fill("@alex");
    for (const handle of ["@alexandra.design", "@alexandra.support"]) {
      const shown = phone.page.getByRole("option").getByText(handle, { exact: true });
      await shown.waitFor();
      expect(await shown.evaluate((one) => one.scrollWidth - one.clientWidth)).toBeLessThanOrEqual(0);
    }
  });

  test("whoever makes a room writes in it at once", async () => {
    await ana.page.getByRole("button", { name: "New room" }).click();
    await ana.page.getByRole("dialog").getByLabel("Name").fill("third");
    await ana.page.keyboard.press("Enter");
    await isIn("third");
    await expect.poll(() => hasFocus(ana.field)).toBe(true);
    await ana.page.keyboard.type("the first words");
    await ana.page.keyboard.press("Enter");
    await ana.message("the first words").waitFor();
  });

  test("one key leads from the field to the last message, past what can be scrolled in those before", async () => {
    await ana.say("```\nsome code\n```");
    await ana.say("after the code");
    await ana.message("after the code").waitFor();
    await ana.page.reload();
    const last = ana.message("after the code");
    await last.waitFor();
    await ana.field.focus();
    await ana.page.keyboard.press("Shift+F6");
    await expect.poll(() => hasFocus(last)).toBe(true);
  });
});
