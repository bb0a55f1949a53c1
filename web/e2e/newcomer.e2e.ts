/** Somebody new: what a handle is called, people one need not know by heart, an invite that says what it is good for. */

import type { Browser, Locator } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, openTab } from "./browser";
import { ended } from "./ended";
import { hasFocus } from "./keys";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("a newcomer", () => {
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let room: string;
  let kim: Person;
  const dialog = (name: string) => kim.page.getByRole("dialog", { name });
  const button = (name: string) => kim.page.getByRole("button", { name, exact: true });
  const colourOf = (avatar: Locator) => avatar.evaluate((one) => getComputedStyle(one).backgroundColor);

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    operator = await Operator.of(server);
    room = await operator.makesRoom("newcomers");
    const other = await operator.makesRoom("others");
    await operator.makes("lin", "member", [room, other], { display_name: "林悦" });
    await operator.makes("sam", "member", [other], { display_name: "Sam 王" });
    kim = await signIn(browser, (await operator.makes("kim", "admin", [room, other])).link, "kim");
    await kim.opens("newcomers");
  });

  afterEach(async ({ task }) => {
    await pictured(task, [kim]);
    expect(kim.tab.wrongs).toEqual([]);
  });

  afterAll(() => ended(browser, server));

  test("is told that a link opens on this computer only, and for how long; used up, it stands there no more", async () => {
    const pane = await kim.pane("Members");
    await pane.getByText("No link lets anybody in now.").waitFor();
    await button("Make an invite link").click();
    await dialog("Make an invite link").getByRole("button", { name: "Make an invite link" }).click();
    const made = dialog("The link is made");
    await made.getByText("This link opens on this computer only").waitFor();
    await made.getByText("MULTIPLAYER_PUBLIC_URL").waitFor();
    const link = await made.getByLabel("Link").inputValue();
    await made.getByRole("button", { name: "Done" }).click();
    await pane.getByText("for one person · ends in 7 days").waitFor();

    const tab = await openTab(browser, { url: server.url });
    await tab.page.goto(link);
    await tab.page.getByLabel("Name that others see").fill("Ana Lin");
    expect(await tab.page.getByLabel("Handle").inputValue()).toBe("ana-lin");
    await tab.page.getByLabel("Password").fill("short");
    await tab.page.getByRole("button", { name: "Join the room" }).click();
    expect(await tab.page.getByText("At least 8 characters.").count()).toBe(1);
    await tab.page.getByLabel("Password").fill("correct horse battery");
    await tab.page.getByRole("button", { name: "Join the room" }).click();
    await tab.page.getByRole("log").waitFor();
    expect(tab.wrongs).toEqual([]);
    await tab.context.close();
    await pane.getByText("No link lets anybody in now.").waitFor();
    await pane.getByText("@ana-lin").waitFor();
  });

  test("is added by whoever looks for a part of the name, with the keyboard", async () => {
    await kim.pane("Members");
    await button("Add someone").click();
    const field = dialog("Add someone").getByRole("combobox", { name: "Handle" });
    const options = dialog("Add someone")
      .getByRole("listbox", { name: /^People/ })
      .getByRole("option");
    // Who is here already is not offered.
    await expect.poll(() => options.locator("bdi").allInnerTexts()).toEqual(["Sam 王"]);
    await field.pressSequentially("王");
    await expect.poll(() => field.getAttribute("aria-activedescendant")).toBe(await options.getAttribute("id"));
    await field.press("Enter");
    expect(await field.inputValue()).toBe("@sam");
    await field.press("Enter");
    await dialog("Add someone").waitFor({ state: "hidden" });
    await kim.page.getByRole("tabpanel", { name: "Members" }).getByText("@sam").waitFor();
    await button("Add someone").click();
    await field.fill("nobody-here");
    await field.press("Enter");
    await dialog("Add someone").getByRole("alert").waitFor();
    await field.press("Escape");
    await dialog("Add someone").waitFor({ state: "hidden" });
  });

  test("is written to without knowing the handle, and the field waits for the words", async () => {
    await button("New direct message").click();
    const window = dialog("New direct message");
    const field = window.getByRole("combobox", { name: "Handles" });
    await window.getByRole("option").filter({ hasText: "林悦" }).click();
    expect(await field.inputValue()).toBe("@lin ");
    // Escape lets go of who is marked first, then closes the window.
    await field.pressSequentially("sa");
    await field.press("Escape");
    expect(await window.isVisible()).toBe(true);
    await field.fill("@lin");
    await window.getByRole("button", { name: "Open" }).click();
    await kim.page.getByRole("heading", { name: "林悦", level: 1 }).waitFor();
    await expect.poll(() => hasFocus(kim.field)).toBe(true);
    // Longer than a tip waits.
    await kim.page.waitForTimeout(700);
    expect(await kim.page.locator("[data-tip-layer]").count()).toBe(0);
    expect(await hasFocus(kim.field)).toBe(true);
    await kim.page.keyboard.type("hello");
    await kim.page.keyboard.press("Enter");
    await kim.message("hello").waitFor();
  });

  test("leaves no tip where a window was closed by the mouse", async () => {
    await button("New direct message").click();
    const window = dialog("New direct message");
    await window.getByRole("combobox").fill("x");
    await window.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => hasFocus(button("New direct message"))).toBe(true);
    await kim.page.waitForTimeout(700);
    expect(await kim.page.locator("[data-tip-layer]").count()).toBe(0);
  });

  test("has one colour, in the list as in the room", async () => {
    const row = kim.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: "林悦" });
    const list = row.locator("[aria-hidden=true]").filter({ hasText: "林" }).first();
    const pane = await kim.pane("Members");
    const member = pane.getByRole("listitem").filter({ hasText: "@lin" }).locator("[aria-hidden=true]").first();
    const colour = await colourOf(member);
    await expect.poll(() => colourOf(list)).toBe(colour);
    await kim.page.reload();
    await expect.poll(() => colourOf(list)).toBe(colour);
  });

  test("finds out how there comes to be another AI", async () => {
    await kim.opens("newcomers");
    await operator.does(room, { type: "invite_member", handle: "ai", role: "ai" }).catch(() => undefined);
    await kim.pane("Members");
    await button("Add an AI").click();
    await dialog("Add an AI").getByText("multiplayer ai add").waitFor();
    await kim.page.keyboard.press("Escape");
    await kim.page.goto(`/r/${room}/settings/ai`);
    const add = dialog("Room settings").getByRole("button", { name: "Add an AI" });
    await add.waitFor();
    await dialog("Room settings").getByText("multiplayer ai add").waitFor();
    expect(await add.isDisabled()).toBe(true);
    const said = await add.getAttribute("aria-describedby");
    expect(await kim.page.locator(`[id="${said}"]`).innerText()).toContain("All AIs of this server");
  });

  test("on a phone takes people by touch, and no keyboard comes up over the room", async () => {
    const phone = await signIn(browser, String((await server.command("user", "reset", "kim")).link), "kim", {
      width: 360,
      height: 740,
      touch: true,
    });
    await phone.page.getByRole("button", { name: "New direct message" }).click();
    const window = phone.page.getByRole("dialog", { name: "New direct message" });
    await window.getByRole("option").filter({ hasText: "Sam" }).tap();
    expect(await window.getByRole("combobox").inputValue()).toBe("@sam ");
    await window.getByRole("button", { name: "Open" }).tap();
    await phone.page.getByRole("heading", { name: "Sam 王", level: 1 }).waitFor();
    await phone.field.waitFor();
    expect(await hasFocus(phone.field)).toBe(false);
    expect(phone.tab.wrongs).toEqual([]);
    await phone.tab.context.close();
  });
});
