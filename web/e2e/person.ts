/** A person at a browser: what they see of a room, and what they do there, by the names that a screen reader says. */

import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { expect } from "vitest";
import { openTab, type Tab, type TabOptions } from "./browser";
import type { Server } from "./server";

export class Person {
  constructor(
    readonly tab: Tab,
    readonly name: string,
  ) {}

  get page(): Page {
    return this.tab.page;
  }

  get log(): Locator {
    return this.page.getByRole("log");
  }

  get field(): Locator {
    return this.page.getByRole("region", { name: "Write a message" }).getByRole("textbox");
  }

  message(words: string | RegExp): Locator {
    return this.log.getByRole("article").filter({ hasText: words }).last();
  }

  /** To the end of the list, if a click on something in it had to scroll: only what is near is in the page. */
  async latest(): Promise<void> {
    const pill = this.page.getByRole("button", { name: /Jump to latest/ });
    if (await pill.isVisible()) await pill.click();
    await pill.waitFor({ state: "hidden" });
  }

  async say(words: string): Promise<void> {
    await this.field.fill(words);
    await this.field.press("Enter");
  }

  /** Opens the last message of this person for editing, as soon as the server has it. */
  async editsLast(): Promise<Locator> {
    const edit = this.page.getByRole("textbox", { name: "Edit the message" });
    const opened = async () => {
      if ((await edit.count()) === 0) await this.field.press("ArrowUp");
      return edit.count();
    };
    await expect.poll(opened, { timeout: 10_000 }).toBe(1);
    return edit;
  }

  async opens(room: string): Promise<void> {
    await this.page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name: room }).click();
    await this.page.getByRole("heading", { name: room, level: 1 }).waitFor();
  }

  async pane(name: string): Promise<Locator> {
    await this.page.getByRole("tab", { name }).click();
    return this.page.getByRole("tabpanel", { name });
  }
}

/** Signs in by a one-time link, as whoever it is for. */
export async function signIn(browser: Browser, link: string, name: string, more: Partial<TabOptions> = {}) {
  const tab = await openTab(browser, { url: new URL(link).origin, ...more });
  await tab.page.goto(link);
  await tab.page.getByRole("navigation").first().waitFor();
  return new Person(tab, name);
}

/** Makes an account by an invite link, and comes in. */
export async function comesIn(browser: Browser, invite: string, name: string, more: Partial<TabOptions> = {}) {
  const tab = await openTab(browser, { url: new URL(invite).origin, ...more });
  await tab.page.goto(invite);
  await tab.page.getByLabel("Handle").fill(name);
  const shown = tab.page.getByLabel("Name that others see");
  if ((await shown.count()) > 0) await shown.fill(name);
  await tab.page.getByLabel("Password").fill("correct horse battery");
  await tab.page.getByRole("button", { name: "Join the room" }).click();
  await tab.page.getByRole("log").waitFor();
  return new Person(tab, name);
}

/** The operator, and bob, who came in by an invite: both in the room that a new server has. */
export async function hostAndBob(browser: Browser, server: Server): Promise<[Person, Person]> {
  const host = await signIn(browser, server.link, "host");
  await host.opens("welcome");
  const made = await server.command("invite", "create", "--room", "welcome", "--role", "member", "--uses", "5");
  return [host, await comesIn(browser, String(made.url), "bob")];
}

/** Keeps a picture of what each saw when a test failed, and says where it is. */
export async function pictured(test: { readonly name: string; readonly result?: unknown }, people: readonly Person[]) {
  const result = test.result as { readonly state?: string } | undefined;
  if (result?.state !== "fail") return;
  const folder = join(tmpdir(), "multiplayer-e2e-failed");
  await mkdir(folder, { recursive: true });
  for (const { name, page } of people) {
    const path = join(folder, `${test.name.replace(/\W+/g, "-").slice(0, 60)}-${name}.png`);
    await page.screenshot({ path });
    process.stderr.write(`what ${name} saw: ${path}\n`);
  }
}
