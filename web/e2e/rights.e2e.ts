/** What a person may do changes while they look: removed, another role, archived, banned; and links that count no more. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, openTab } from "./browser";
import { ended } from "./ended";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("rights in a room that is looked at", () => {
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let den: string;
  let mia: Person;
  let miaId: string;
  const here = (room: string) => mia.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: room });
  const closed = (words: string | RegExp) => mia.page.getByRole("region", { name: "Write a message" }).getByText(words);
  const button = (name: string | RegExp) => mia.page.getByRole("button", { name });

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    operator = await Operator.of(server);
    den = await operator.makesRoom("den");
    await operator.sets(den, { approvals: { admins_confirm: true } });
    const made = await operator.makes("mia", "member", [den, await operator.room("welcome")]);
    miaId = made.id;
    mia = await signIn(browser, made.link, "mia");
    await mia.opens("den");
    // What is set on the page stays as long as it is not loaded anew.
    await mia.page.evaluate(() => document.body.setAttribute("data-same-page", ""));
  });

  afterEach(async ({ task }) => {
    await pictured(task, [mia]);
    expect(mia.tab.wrongs).toEqual([]);
    expect(await mia.page.locator("body[data-same-page]").count()).toBe(1);
  });

  afterAll(() => ended(browser, server));

  /** What the server answers to this person's page about a room. */
  const statuses = (room: string) =>
    mia.page.evaluate(
      (paths) => Promise.all(paths.map(async (path) => (await fetch(path)).status)),
      ["", "/messages", "/members", "/workspace", "/files", "/events", "/usage"].map(
        (part) => `/api/v1/rooms/${room}${part}`,
      ),
    );

  test("who becomes a guest loses what guests may not do, and an admin gains the decision", async () => {
    await mia.say("said as a member");
    await mia.message("said as a member").waitFor();
    await button("Attach files").waitFor();
    await operator.setRole(den, miaId, "guest");
    await closed("Guests read along here").waitFor();
    expect(await button("Attach files").count()).toBe(0);
    expect(await mia.field.count()).toBe(0);
    await mia.message("said as a member").hover();
    await button("React").first().waitFor();
    expect(await button("Reply").count()).toBe(0);

    await operator.says(den, "@ai run `echo sesame`");
    const asking = mia.log.getByRole("region", { name: /: Needs approval/ });
    await asking.waitFor();
    await asking.getByText("can approve").waitFor();
    expect(await asking.getByText("echo sesame").count()).toBe(0);
    expect(await asking.getByRole("button", { name: "Approve once" }).count()).toBe(0);
    expect(await asking.getByRole("button", { name: "Ask them" }).count()).toBe(0);

    await operator.setRole(den, miaId, "admin");
    await asking.getByText("echo sesame").waitFor();
    await asking.getByRole("button", { name: "Approve once" }).click();
    await mia.log.getByRole("region", { name: /ran a command: Done/ }).waitFor();
    await mia.field.waitFor();
    await button("Attach files").waitFor();
  });

  test("a guest sees no workspace, until the room lets guests see it", async () => {
    await operator.setRole(den, miaId, "guest");
    await closed("Guests read along here").waitFor();
    const files = await mia.pane("Files");
    await files.getByText("Guests do not see the workspace").waitFor();
    const terminal = await mia.pane("Terminal");
    await terminal.getByText("Guests do not see what runs").waitFor();
    await expect.poll(() => mia.log.getByRole("region").getByText("echo sesame").count()).toBe(0);
    await operator.sets(den, { guests_see_workspace: true });
    await terminal.getByText("echo sesame").first().waitFor();
    await mia.pane("Files");
    await files.getByRole("tree").waitFor();
    expect(await files.getByRole("button", { name: "New file" }).count()).toBe(0);
    await operator.sets(den, { guests_see_workspace: false });
    await files.getByText("Guests do not see the workspace").waitFor();
    await operator.setRole(den, miaId, "member");
    await mia.field.waitFor();
  });

  test("an archived room is only read, at once, until it is opened again", async () => {
    await operator.does(den, { type: "archive_room", is_archived: true });
    await mia.page.getByText("This room is archived").waitFor();
    expect(await mia.field.count()).toBe(0);
    await mia.message("said as a member").hover();
    await button("Open the thread").first().waitFor();
    expect(await button("React").count()).toBe(0);
    expect(await button("Reply").count()).toBe(0);
    await operator.does(den, { type: "archive_room", is_archived: false });
    await mia.field.waitFor();
  });

  test("who is removed is told so, and gets no word of the room any more", async () => {
    expect((await statuses(den)).every((status) => status === 200)).toBe(true);
    await operator.does(den, { type: "remove_member", account_id: miaId });
    await mia.page.getByText("You are no longer a member").waitFor();
    expect(await mia.field.count()).toBe(0);
    expect(await mia.log.count()).toBe(0);
    await here("den").waitFor({ state: "detached" });
    expect((await statuses(den)).filter((status) => status < 400)).toEqual([]);
    await operator.says(den, "nobody outside reads this");
    await operator.does(den, { type: "invite_member", handle: "mia", role: "member" });
    await here("den").click();
    await mia.message("nobody outside reads this").waitFor();
    await mia.field.waitFor();
  });

  test("who is banned comes in by no invite until the ban is lifted", async () => {
    await operator.does(den, { type: "remove_member", account_id: miaId, ban: true });
    await mia.page.getByText("You are no longer a member").waitFor();
    const { link } = await operator.invite(den, "member");
    const other = await mia.tab.context.newPage();
    await other.goto(link);
    await other.getByRole("button", { name: /^Join as/ }).click();
    await other.getByRole("alert").getByText(/\bban/i).waitFor();
    await operator.does(den, { type: "lift_ban", account_id: miaId });
    await other.getByRole("button", { name: /^Join as/ }).click();
    await other.getByRole("log").waitFor();
    await other.close();
    await here("den").waitFor();
    await mia.opens("den");
    await mia.field.waitFor();
  });

  test("a link that is used up, over or revoked says so, and shows nothing of the room", async () => {
    const [used, over, revoked] = await Promise.all([
      operator.invite(den, "member", { uses: 1 }),
      operator.invite(den, "member", { ttl_s: 1 }),
      operator.invite(den, "member"),
    ]);
    await operator.accepts(used.link, "lena");
    await operator.ask("DELETE", `rooms/${den}/invites/${revoked.id}`);
    const code = new URL(over.link).hash.slice(1);
    const look = () => operator.ask("POST", "invites/preview", { code }).catch(() => undefined);
    await expect.poll(look, { interval: 400, timeout: 10_000 }).toBeUndefined();
    for (const { link } of [used, over, revoked]) {
      const tab = await openTab(browser, { url: server.url });
      await tab.page.goto(link);
      await tab.page.getByText("This invitation no longer works").waitFor();
      expect(await tab.page.getByText("den", { exact: true }).count()).toBe(0);
      expect(tab.page.url()).not.toContain("#");
      expect(tab.wrongs).toEqual([]);
      await tab.context.close();
    }
  });

  test("the last owner can neither go nor step down, but hand the room over", async () => {
    const own = await operator.makesRoom("owned");
    await operator.does(own, { type: "invite_member", handle: "mia", role: "member" });
    await operator.setRole(own, miaId, "owner");
    await operator.does(own, { type: "invite_member", handle: "lena", role: "member" });
    await operator.setRole(own, operator.id, "admin");
    await mia.opens("owned");
    const members = await mia.pane("Members");
    const acts = members.getByRole("button", { name: "What can be done: mia" });
    const dialog = mia.page.getByRole("dialog");
    await acts.click();
    await mia.page.getByRole("menuitem", { name: "Leave the room" }).click();
    await dialog.getByText("You are the only owner").waitFor();
    expect(await dialog.getByRole("button", { name: "Leave the room" }).isDisabled()).toBe(true);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await acts.click();
    await mia.page.getByRole("menuitem", { name: "Hand over ownership" }).click();
    await dialog.getByLabel("New owner").selectOption({ label: "lena (@lena)" });
    await dialog.getByRole("button", { name: "Hand over" }).click();
    await mia.log.getByText(/changed the role of \P{L}*mia\P{L}* to Admin/u).waitFor();
    await mia.log.getByText(/changed the role of \P{L}*lena\P{L}* to Owner/u).waitFor();
    await acts.click();
    expect(await mia.page.getByRole("menuitem", { name: "Hand over ownership" }).count()).toBe(0);
    await mia.page.getByRole("menuitem", { name: "Leave the room" }).click();
    await dialog.getByRole("button", { name: "Leave the room" }).click();
    await here("owned").waitFor({ state: "detached" });
  });
});
