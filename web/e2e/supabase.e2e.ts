/** Signing in at Supabase: by e-mail and password, by a provider, by a link; kept, renewed, and left again. */

import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch, openTab, type Tab } from "./browser";
import { ended } from "./ended";
import { Person, signIn } from "./person";
import { type Server, startServer } from "./server";
import { ANON_KEY, SupabaseStandIn } from "./supabaseStandIn";

const MEI = { email: "mei@example.org", password: "correct horse battery" };
const BRIEF_S = 15;

describe.skipIf(CHROMIUM === undefined)("signing in at Supabase", () => {
  const project = new SupabaseStandIn();
  let server: Server;
  let browser: Browser;
  let host: Person;

  beforeAll(async () => {
    project.know(MEI.email, MEI.password);
    await project.start();
    const settings = {
      SUPABASE_URL: project.url,
      SUPABASE_ANON_KEY: ANON_KEY,
      SUPABASE_PROVIDERS: "password,magic_link,github,gitlab",
    };
    [server, browser] = await Promise.all([startServer(settings), launch()]);
    host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
  });

  afterAll(() => ended(browser, server, project));

  /** The project's own origin is the only other one that is asked. */
  const wrongs = (tab: Tab) => tab.wrongs.filter((one) => !one.startsWith(`asked ${project.url}/auth/v1/`));
  const rooms = (page: Page) => page.getByRole("navigation", { name: "Rooms" });
  const kept = (page: Page) =>
    page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("multiplayer.supabase")));

  async function byEmail(page: Page, password: string): Promise<void> {
    await page.getByLabel("E-mail address").fill(MEI.email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
  }

  test("an invitation is accepted by e-mail and password; who is in stays in when tokens end, until they leave", async () => {
    const made = await server.command("invite", "create", "--room", "welcome", "--role", "member");
    const tab = await openTab(browser, { url: server.url });
    const { page } = tab;
    project.lifetimeS = BRIEF_S;
    await page.goto(String(made.url));
    await page.getByRole("tab", { name: "I have an account" }).click();
    await page.getByRole("button", { name: "Sign in with Supabase" }).click();
    await byEmail(page, "wrong");
    await page.getByText("do not belong together").waitFor();
    await page.getByLabel("Password").fill(MEI.password);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    const mei = new Person(tab, "mei");
    await mei.log.waitFor();
    const first = Date.now();
    await mei.say("in by Supabase");
    await host.message("in by Supabase").waitFor();

    // Twice over the end of the first sign-in, on the same page.
    await expect
      .poll(() => Date.now() - first > 2 * BRIEF_S * 1_000 && project.times("POST /token refresh_token") > 1, {
        timeout: 90_000,
        interval: 250,
      })
      .toBe(true);
    await mei.say("in still");
    await host.message("in still").waitFor();
    expect(await page.getByText("You have been signed out").count()).toBe(0);

    project.lifetimeS = 3_600;
    await page.getByRole("button", { name: /mei/ }).first().click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await expect.poll(() => project.times("POST /logout")).toBe(1);
    await expect.poll(() => kept(page)).toEqual([]);
    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(wrongs(tab)).toEqual([]);
    await tab.context.close();
  });

  test("who comes back after the sign-in has ended is in again without being asked", async () => {
    const tab = await openTab(browser, { url: server.url });
    const { page } = tab;
    await page.goto("/sign-in");
    await page.getByRole("button", { name: "Sign in with Supabase" }).click();
    await byEmail(page, MEI.password);
    await rooms(page).waitFor();
    await tab.context.clearCookies();
    await page.reload();
    await rooms(page).waitFor();
    // Not by what was kept of another account, once somebody has signed in in another way.
    const link = String((await server.command("user", "reset", "host")).link);
    await page.goto(link);
    await page.getByRole("button", { name: /host/ }).first().waitFor();
    await expect.poll(() => kept(page)).toEqual([]);
    expect(wrongs(tab)).toEqual([]);
    await tab.context.close();
  });

  test("a provider leads back into the room that was wanted, and its code leaves the address; a refusal is said", async () => {
    const tab = await openTab(browser, { url: server.url });
    const { page } = tab;
    await page.goto("/search?q=hello");
    await page.getByRole("button", { name: "Continue with GitLab" }).click();
    await page.getByText("Signing in was cancelled.").waitFor();
    expect(new URL(page.url()).search).toBe("");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.goto("/search");
    await page.getByRole("button", { name: "Continue with GitHub" }).click();
    await rooms(page).waitFor();
    await page.waitForURL("**/search");
    await page.getByRole("button", { name: /octo/ }).first().waitFor();
    expect(page.url()).not.toContain("code");
    expect(wrongs(tab)).toEqual([]);
    await tab.context.close();
  });

  test("a link by mail works in the browser that asked for it, and in no other", async () => {
    const tab = await openTab(browser, { url: server.url });
    const { page } = tab;
    const ask = async () => {
      await page.goto("/sign-in");
      await page.getByRole("button", { name: "Sign in with Supabase" }).click();
      await page.getByLabel("E-mail address").fill("ana@example.org");
      await page.getByRole("button", { name: "Send me a sign-in link" }).click();
      await page.getByText("A link is on its way to ana@example.org").waitFor();
      return project.linkFor("ana@example.org");
    };
    const elsewhere = await openTab(browser, { url: server.url });
    await elsewhere.page.goto(await ask());
    await elsewhere.page.getByText("asked for in another browser").waitFor();
    expect(elsewhere.page.url()).not.toContain("code");
    const link = await ask();
    const mail = await tab.context.newPage();
    await mail.goto(link);
    await rooms(mail).waitFor();
    await mail.getByRole("button", { name: /ana/ }).first().waitFor();
    expect([...wrongs(tab), ...wrongs(elsewhere)]).toEqual([]);
    await elsewhere.context.close();
    await tab.context.close();
  });

  test("a session that somebody else put into the address signs nobody in", async () => {
    const tab = await openTab(browser, { url: server.url });
    const { page } = tab;
    const token = project.tokenOf("mallory@example.org");
    await page.goto(`/sign-in#access_token=${token}&refresh_token=r&token_type=bearer&expires_in=3600`);
    await page.getByText("asked for in another browser").waitFor();
    expect(page.url()).not.toContain("token");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await kept(page)).toEqual([]);
    expect(wrongs(tab)).toEqual([]);
    await tab.context.close();
  });
});
