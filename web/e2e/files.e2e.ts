/** Files: sent by button, drop and paste, looked at, refused in words; the workspace that two share; a voice note. */

import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { hasFocus } from "./keys";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { hands, hearing, picture, type Sample, sound, text } from "./samples";
import { type Server, startServer } from "./server";

const MOST_BYTES = 1_500_000;

describe.skipIf(CHROMIUM === undefined)("files of two people", () => {
  let heard: Awaited<ReturnType<typeof hearing>>;
  let server: Server;
  let browser: Browser;
  let ana: Person;
  let bob: Person;
  const button = (person: Person, name: string | RegExp) => person.page.getByRole("button", { name });
  const dialog = (person: Person, name: string | RegExp) => person.page.getByRole("dialog", { name });
  const chip = (name: string) => ana.page.getByRole("list", { name: "Files of this message" }).getByText(name);

  beforeAll(async () => {
    heard = await hearing("sesame was spoken");
    [server, browser] = await Promise.all([
      startServer({ ...heard.settings, MULTIPLAYER_FILE_BYTES: String(MOST_BYTES) }),
      launch(),
    ]);
    const operator = await Operator.of(server);
    const room = await operator.room("welcome");
    [ana, bob] = (await Promise.all(
      ["ana", "bob"].map(async (name) => {
        const person = await signIn(browser, (await operator.makes(name, "member", [room])).link, name);
        await person.opens("welcome");
        return person;
      }),
    )) as [Person, Person];
  });

  afterEach(async ({ task }) => {
    await pictured(task, [ana, bob]);
    expect([...ana.tab.wrongs, ...bob.tab.wrongs]).toEqual([]);
  });

  afterAll(() => ended(browser, server, heard));

  async function chooses(person: Person, by: Locator, ...files: readonly Sample[]): Promise<void> {
    const [chooser] = await Promise.all([person.page.waitForEvent("filechooser"), by.click()]);
    await chooser.setFiles([...files]);
  }

  test("by the button a file is seen on its way, and arrives", async () => {
    const slow = await ana.tab.context.newCDPSession(ana.page);
    const speed = { offline: false, latency: 0, downloadThroughput: -1 };
    await slow.send("Network.emulateNetworkConditions", { ...speed, uploadThroughput: 400_000 });
    const seen = ana.page.evaluate(
      () =>
        new Promise<number>((answer) => {
          const look = new MutationObserver(() => {
            const now = Number(document.querySelector("[role=progressbar]")?.getAttribute("aria-valuenow") ?? 0);
            if (now > 0 && now < 100) answer(now);
          });
          look.observe(document.body, { subtree: true, childList: true, attributes: true });
        }),
    );
    await chooses(ana, button(ana, "Attach files"), text("long.txt", "sesame ".repeat(120_000)));
    await chip("long.txt").waitFor();
    expect(await seen).toBeGreaterThan(0);
    await slow.send("Network.emulateNetworkConditions", { ...speed, uploadThroughput: -1 });
    await ana.say("a long one");
    const link = bob.message("a long one").getByRole("link", { name: /long\.txt/ });
    const [file] = await Promise.all([bob.page.waitForEvent("download"), link.click()]);
    expect(file.suggestedFilename()).toBe("long.txt");
    await bob.latest();
  });

  test("a dropped picture and a pasted sound are shown where they arrive", async () => {
    await hands(ana.page, "drop", picture("dropped.png"));
    await chip("dropped.png").waitFor();
    await ana.field.focus();
    await hands(ana.page, "paste", sound("pasted.wav"));
    await chip("pasted.wav").waitFor();
    await ana.say("to see and to hear");
    const arrived = bob.message("to see and to hear");
    await arrived.getByRole("button", { name: "Open the picture dropped.png" }).click();
    const shown = dialog(bob, "dropped.png").getByRole("img");
    await expect.poll(() => shown.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(48);
    await bob.page.keyboard.press("Escape");
    const player = arrived.locator("audio");
    await player.evaluate((audio: HTMLAudioElement) => audio.load());
    await player.evaluate((audio: HTMLAudioElement) => {
      audio.preload = "metadata";
    });
    await expect.poll(() => player.evaluate((audio: HTMLAudioElement) => audio.duration)).toBeCloseTo(0.5, 1);
    await bob.latest();
  });

  test("what is too big is refused in words, and does not hold up the rest once it is off", async () => {
    await chooses(
      ana,
      button(ana, "Attach files"),
      text("huge.txt", "x".repeat(MOST_BYTES + 1)),
      text("fits.txt", "fits"),
    );
    await ana.page.getByText("Too big").waitFor();
    await ana.field.fill("with a file that fits");
    await button(ana, "Take off huge.txt").click();
    await ana.field.press("Enter");
    await bob
      .message("with a file that fits")
      .getByRole("link", { name: /fits\.txt/ })
      .waitFor();
  });

  test("files of the workspace are added and shown as what they are", async () => {
    const files = await ana.pane("Files");
    const tree = files.getByRole("tree");
    await tree.waitFor();
    const table = {
      ...text("table.csv", 'city,people\n"Köln, am Rhein",1100000\n上海,24000000\n'),
      mimeType: "text/csv",
    };
    await chooses(ana, files.getByRole("button", { name: "Upload" }), table, picture("dot.png"), sound("tone.wav"));
    await tree.getByRole("treeitem", { name: /table\.csv/ }).click();
    await dialog(ana, /table\.csv/)
      .getByRole("cell", { name: "Köln, am Rhein" })
      .waitFor();
    await ana.page.keyboard.press("Escape");
    await tree.getByRole("treeitem", { name: /dot\.png/ }).click();
    const image = dialog(ana, /dot\.png/).getByRole("img");
    await expect.poll(() => image.evaluate((one: HTMLImageElement) => one.naturalWidth)).toBe(48);
    await ana.page.keyboard.press("Escape");
    await tree.getByRole("treeitem", { name: /tone\.wav/ }).click();
    const audio = dialog(ana, /tone\.wav/).locator("audio");
    await expect.poll(() => audio.evaluate((one: HTMLAudioElement) => one.duration)).toBeCloseTo(0.5, 1);
    await ana.page.keyboard.press("Escape");
    await tree
      .getByRole("treeitem", { name: /greeting\.py/ })
      .first()
      .click();
    await dialog(ana, /greeting\.py/)
      .getByText("Says hello")
      .waitFor();
    await ana.page.keyboard.press("Escape");
  });

  test("a file of the workspace is named after an @, as what it is called", async () => {
    await ana.field.fill("");
    await ana.field.pressSequentially("read @tabl");
    const offered = ana.page.getByRole("listbox", { name: "People, AIs and files" });
    await offered.getByRole("option", { name: "table.csv" }).waitFor();
    await ana.field.press("Enter");
    await expect.poll(() => ana.field.inputValue()).toBe("read `table.csv` ");
    await ana.field.press("Enter");
    await bob.message("read table.csv").locator("code").getByText("table.csv").waitFor();
  });

  test("a file that one edits the other sees, and neither writes over the other unseen", async () => {
    const edits = async (person: Person) => {
      const files = await person.pane("Files");
      await files.getByRole("treeitem", { name: /README\.md/ }).click();
      await dialog(person, /README\.md/)
        .getByRole("button", { name: "Edit" })
        .click();
      return person.page.getByRole("textbox", { name: "Content of README.md" });
    };
    const [anas, bobs] = [await edits(ana), await edits(bob)];
    await anas.fill("# Ana was here\n");
    await dialog(ana, /README\.md/)
      .getByRole("button", { name: "Save" })
      .click();
    await dialog(ana, /README\.md/)
      .getByText("Ana was here")
      .waitFor();
    await bobs.fill("# Bob was here\n");
    await dialog(bob, /README\.md/)
      .getByRole("button", { name: "Save" })
      .click();
    await bob.page.getByText("Somebody changed this file meanwhile.").waitFor();
    await dialog(bob, /README\.md/)
      .getByText("Ana was here")
      .waitFor();
    await button(bob, "Write mine over theirs").click();
    await dialog(bob, /README\.md/)
      .getByRole("button", { name: "Edit" })
      .waitFor();
    await bob.page.keyboard.press("Escape");
    await ana.page.keyboard.press("Escape");
    const files = await ana.pane("Files");
    await files.getByRole("treeitem", { name: /README\.md/ }).click();
    await dialog(ana, /README\.md/)
      .getByText("Bob was here")
      .waitFor();
    await ana.page.keyboard.press("Escape");
  });

  test("what a turn changed is shown line by line, and put back", async () => {
    await ana.say("@ai write a test file");
    await ana.message("I wrote").waitFor();
    const files = await ana.pane("Files");
    const made = files.getByRole("treeitem", { name: /test_demo\.py/ });
    await made.waitFor();
    await files.getByRole("tab", { name: "Changes" }).click();
    await files.getByRole("button", { name: /new.*test_demo\.py/ }).click();
    await dialog(ana, "test_demo.py").getByText("import unittest").waitFor();
    await ana.page.keyboard.press("Escape");
    await files.getByRole("button", { name: "Undo" }).first().click();
    await files.getByText("undone").first().waitFor();
    await bob.log
      .getByText(/undid what a turn had changed|Undone\./)
      .first()
      .waitFor();
    await files.getByRole("tab", { name: "Workspace" }).click();
    await files
      .getByRole("treeitem", { name: /greeting\.py/ })
      .first()
      .waitFor();
    await expect.poll(() => made.count()).toBe(0);
  });

  test("a voice note is recorded, heard by the other, and its words can be mended", async () => {
    await button(ana, "Record a voice note").press("Enter");
    await ana.page.getByRole("group", { name: "Voice note" }).getByText("0:01").waitFor();
    // The same key ends it, and what follows is written at once.
    await expect.poll(() => hasFocus(button(ana, "Attach"))).toBe(true);
    await ana.page.keyboard.press("Enter");
    await chip("Voice note").waitFor();
    await expect.poll(() => hasFocus(ana.field)).toBe(true);
    await ana.page.keyboard.type("listen to this");
    await ana.page.keyboard.press("Enter");
    const arrived = bob.message("listen to this");
    await arrived.locator("audio").waitFor({ state: "attached" });
    await arrived.getByText("sesame was spoken").waitFor();
    await ana.message("listen to this").getByRole("button", { name: "Edit the words" }).click();
    const words = ana.page.getByRole("textbox", { name: "Edit the words" });
    await words.fill("sesame was said");
    await ana.message("listen to this").getByRole("button", { name: "Save" }).click();
    await arrived.getByText("sesame was said").waitFor();
  });
});
