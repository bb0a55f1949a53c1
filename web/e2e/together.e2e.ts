/** Two people and the demo AI in one room, in real browsers on a real server: what one does, the other sees. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { comesIn, type Person, pictured, signIn } from "./person";
import { type Relay, startRelay } from "./relay";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("two people in the first room", () => {
  let server: Server;
  let browser: Browser;
  let host: Person;
  let bob: Person;
  let cable: Relay;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
    const made = await server.command("invite", "create", "--room", "welcome", "--role", "member", "--uses", "5");
    cable = await startRelay(server.url);
    bob = await comesIn(browser, cable.through(String(made.url)), "bob");
  });

  afterEach(async ({ task }) => {
    await pictured(task, [host, bob]);
    expect(host.tab.wrongs).toEqual([]);
    expect(bob.tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, cable, server));

  test("the address bar keeps no secret of the links", () => {
    expect(host.page.url()).not.toContain("#");
    expect(bob.page.url()).not.toContain("#");
  });

  test("what one writes the other reads, and each has it once", async () => {
    await host.say("hello from the host");
    await bob.message("hello from the host").waitFor();
    await bob.say("and hello from bob");
    await host.message("and hello from bob").waitFor();
    for (const person of [host, bob]) {
      expect(await person.log.getByRole("article").filter({ hasText: "hello from the host" }).count()).toBe(1);
    }
  });

  test("the AI's words come to everyone as they are spoken", async () => {
    await bob.say("@ai list the files");
    await Promise.all([host, bob].map((person) => person.message("greeting.py").waitFor()));
    await host.log.getByRole("region", { name: /AI listed files: Done/ }).waitFor();
  });

  test("what bob asks to be run waits until somebody approves it, and both watch its output", async () => {
    await bob.say("@ai run the tests");
    const card = host.log.getByRole("region", { name: /AI wants to run a command: Needs approval/ });
    await card.waitFor();
    await card.getByText("python3 -m unittest").waitFor();
    await card.getByRole("button", { name: "Approve once" }).click();
    await Promise.all(
      [host, bob].map((person) =>
        person.log
          .getByText(/test_it_names_who_is_greeted/)
          .first()
          .waitFor(),
      ),
    );
    await Promise.all([host, bob].map((person) => person.message("all 3 passed").waitFor()));
    await bob.log.getByRole("region", { name: /AI ran a command: Done/ }).waitFor();
  });

  test("what is denied does not run", async () => {
    await bob.say("@ai run `touch denied.txt`");
    const card = host.log.getByRole("region", { name: /AI wants to run a command: Needs approval/ });
    await card.getByRole("button", { name: "Deny" }).click();
    await bob.log
      .getByRole("region", { name: /Denied/ })
      .last()
      .waitFor();
  });

  test("what a turn changed is undone by a click", async () => {
    await host.say("@ai write a test file");
    await host.message("I wrote").waitFor();
    await host.log.getByRole("button", { name: "Undo turn" }).last().click();
    const sure = host.page.getByRole("alertdialog").or(host.page.getByRole("dialog"));
    if (await sure.count()) await sure.getByRole("button", { name: /Undo/ }).click();
    await bob.log.getByText("Undone.").first().waitFor();
  });

  test("a message is edited, reacted to and deleted in front of both", async () => {
    await bob.say("a message with a misteak");
    await bob.message("misteak").waitFor();
    const edit = await bob.editsLast();
    await edit.fill("a message without a mistake");
    await edit.press("Enter");
    await host.message("without a mistake").getByText("edited").waitFor();
    await host.message("without a mistake").hover();
    await host
      .message("without a mistake")
      .getByRole("button", { name: /More|What to do/ })
      .first()
      .click();
    await host.page.getByRole("menuitem", { name: "Delete" }).click();
    await host.page.getByRole("button", { name: "Delete" }).last().click();
    await bob.log.getByText(/deleted this message/).waitFor();
  });

  test("search finds what was said and leads there", async () => {
    await bob.page.goto("/search?q=hello+from+the+host");
    await bob.page
      .getByRole("link", { name: /hello from the host/ })
      .first()
      .click();
    await bob.message("hello from the host").waitFor();
  });

  test("a file is attached, arrives, and can be fetched by the other", async () => {
    const [chooser] = await Promise.all([
      bob.page.waitForEvent("filechooser"),
      bob.page.getByRole("button", { name: "Attach files" }).click(),
    ]);
    await chooser.setFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("sesame in a file") });
    await bob.page.getByText("notes.txt").first().waitFor();
    await bob.say("see the file");
    const arrived = host.message("see the file");
    const [file] = await Promise.all([
      host.page.waitForEvent("download"),
      arrived
        .getByRole("link", { name: /notes\.txt/ })
        .first()
        .click(),
    ]);
    expect(file.suggestedFilename()).toBe("notes.txt");
  });

  test("what is written while the cable is out leaves in order, once, when it is in again", async () => {
    cable.pull();
    await bob.page
      .getByText(/The connection broke/)
      .first()
      .waitFor();
    await bob.say("offline one");
    await bob.say("offline two");
    await bob.message("offline two").waitFor();
    expect(await host.log.getByText("offline").count()).toBe(0);
    cable.plug();
    await host.message("offline two").waitFor({ timeout: 60_000 });
    const said = await host.log
      .getByRole("article")
      .filter({ hasText: /offline (one|two)/ })
      .allTextContents();
    expect(said.map((text) => /offline (one|two)/.exec(text)?.[1])).toEqual(["one", "two"]);
  });

  test("messages survive a restart of the server, and the page comes back by itself", async () => {
    await server.restart();
    await bob.say("after the restart");
    await host.message("after the restart").waitFor({ timeout: 60_000 });
  });

  test("a role that changes changes what can be done, and who is removed sees it at once", async () => {
    const members = await host.pane("Members");
    await members.getByRole("button", { name: /What can be done: bob/ }).click();
    await host.page.getByRole("menuitem", { name: /Remove from the room/ }).click();
    await host.page
      .getByRole("button", { name: /^Remove/ })
      .last()
      .click();
    await bob.page.getByText("You are no longer a member").first().waitFor();
  });
});
