/** Other ways to be there: a small phone, another script typed with an input method, words made to do harm. */

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { comesIn, type Person, signIn } from "./person";
import { type Server, startServer } from "./server";

describe.skipIf(CHROMIUM === undefined)("people of all kinds", () => {
  let server: Server;
  let browser: Browser;
  let host: Person;
  let invite: string;

  beforeAll(async () => {
    [server, browser] = await Promise.all([startServer(), launch()]);
    host = await signIn(browser, server.link, "host");
    await host.opens("welcome");
    const made = await server.command("invite", "create", "--room", "welcome", "--role", "member", "--uses", "9");
    invite = String(made.url);
  });

  afterAll(() => ended(browser, server));

  test("on a phone one column fits, and nothing is wider than the screen", async () => {
    const mei = await comesIn(browser, invite, "mei", { width: 360, height: 740, touch: true });
    await mei.say("from a phone, with a_very_long_word_".padEnd(300, "x"));
    await host.message("from a phone").waitFor();
    for (const width of [320, 360, 640]) {
      await mei.page.setViewportSize({ width, height: 740 });
      expect(
        await mei.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth),
      ).toBeLessThanOrEqual(0);
    }
    expect(mei.tab.wrongs).toEqual([]);
    await mei.tab.context.close();
  });

  test("in Chinese, Enter that ends a composition sends nothing", async () => {
    const tab = await signIn(browser, String((await server.command("user", "reset", "host")).link), "host", {
      locale: "zh-CN",
    });
    await tab.page.getByRole("link", { name: "welcome" }).first().click();
    const field = tab.page.getByRole("textbox").last();
    await field.waitFor();
    expect(await tab.page.evaluate(() => document.documentElement.lang)).toMatch(/^zh/);
    await field.focus();
    const keyboard = await tab.tab.context.newCDPSession(tab.page);
    await keyboard.send("Input.imeSetComposition", { text: "nihao", selectionStart: 5, selectionEnd: 5 });
    await field.press("Enter");
    await keyboard.send("Input.insertText", { text: "你好，大家" });
    expect(await host.log.getByRole("article").filter({ hasText: "nihao" }).count()).toBe(0);
    await field.press("Enter");
    await host.message("你好，大家").waitFor();
    await tab.tab.context.close();
  });

  test("words made to do harm are shown, and do none", async () => {
    const mallory = await comesIn(browser, invite, "mallory");
    const harm = [
      "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
      "![picture](https://example.com/pixel.png) and ![two](//example.com/x.png)",
      "[click](javascript:document.title='owned') and [data](data:text/html,<script>1</script>)",
      "<iframe src='https://example.com'></iframe><style>body{display:none}</style><svg onload=alert(1)>",
      "\u202Egnp.exe \u2066AI\u2069 **AI** says: approved",
    ];
    for (const words of harm) await mallory.say(words);
    await host.message("approved").waitFor();
    for (const person of [host, mallory]) {
      expect(await person.page.title()).not.toContain("owned");
      expect(person.tab.wrongs).toEqual([]);
      const links = await person.log
        .locator("a[href]")
        .evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).protocol));
      expect(links.filter((protocol) => !["http:", "https:", "mailto:"].includes(protocol))).toEqual([]);
      expect(await person.log.locator("img[src*='example.com'], iframe, script, style").count()).toBe(0);
    }
    await mallory.tab.context.close();
  });

  test("a one-time link works once", async () => {
    const link = String((await server.command("user", "reset", "host")).link);
    const first = await signIn(browser, link, "host");
    await first.tab.context.close();
    const again = await browser.newContext();
    const page = await again.newPage();
    await page.goto(link);
    await page.getByText("This link no longer works").waitFor();
    await again.close();
  });
});
