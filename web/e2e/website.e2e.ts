/** A website as a member: it asks the room back in a form, and what it finds stands as cards. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { hostAndBob, type Person, pictured } from "./person";
import { type Server, startServer } from "./server";
import { QUESTION, type Website, website } from "./website";

describe.skipIf(CHROMIUM === undefined)("two people and a website", () => {
  let site: Website;
  let server: Server;
  let browser: Browser;
  let host: Person;
  let bob: Person;

  beforeAll(async () => {
    [site, server, browser] = await Promise.all([website(), startServer(), launch()]);
    const profile = ["--provider", "nlweb", "--url", site.url, "--dialect", "0.1", "--name", "Recipes"];
    await server.command("ai", "add", "recipes", ...profile);
    await server.command("room", "add", "welcome", "recipes");
    [host, bob] = await hostAndBob(browser, server);
  });

  afterEach(async ({ task }) => {
    await pictured(task, [host, bob]);
    expect([...host.tab.wrongs, ...bob.tab.wrongs]).toEqual([]);
  });

  afterAll(() => ended(browser, server, site));

  test("its question is answered by one, for all, and then it finds something", async () => {
    await bob.say("@recipes something with rice");
    const forms = [host, bob].map((person) => person.log.getByRole("form", { name: "Questions to the room" }));
    await Promise.all(forms.map((form) => form.getByText(QUESTION).waitFor()));
    const [seen, mine] = forms;
    await mine?.getByRole("textbox").fill("forty");
    await mine?.getByRole("button", { name: "Send answers" }).click();
    await seen?.getByText("forty").waitFor();
    await seen?.getByText(/Answered by/).waitFor();
    await Promise.all([host, bob].map((person) => person.message("Rice for a feast").waitFor()));
    const card = host.message("Rice for a feast").getByRole("link", { name: /Rice for a feast/ });
    expect(await card.getAttribute("href")).toBe("https://recipes.example/rice");
    expect(await card.getAttribute("rel")).toContain("noopener");
    await host.message("Rice for a feast").getByText("Boil it in a large pot.").waitFor();
  });
});
