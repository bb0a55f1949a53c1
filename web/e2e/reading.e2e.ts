/** Reading while the room grows: who is at its end stays there, who has gone up is never moved. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { type SlowModel, slowModel } from "./model";
import { comesIn, type Person, signIn } from "./person";
import { type Server, startServer } from "./server";
import { postMany, watched } from "./watching";

const SIZE = { width: 1440, height: 700 };
/** Slow enough to be seen in many paintings. */
const PRINTS = 'for i in $(seq 1 500); do echo "line $i of what is printed"; [ $((i % 50)) = 0 ] && sleep 0.1; done';
const PARAGRAPH = "A sentence that goes on for a while, so that the paragraph takes more than one line to say it. ";

describe.skipIf(CHROMIUM === undefined)("reading in a room that grows", () => {
  let model: SlowModel;
  let server: Server;
  let browser: Browser;
  let host: Person;
  let bob: Person;
  let moving: Person;

  beforeAll(async () => {
    model = await slowModel({ sums: "They said much." });
    [server, browser] = await Promise.all([
      startServer({
        OPENAI_BASE_URL: model.url,
        OPENAI_API_KEY: "sk-none",
        OPENAI_MODEL: "slow",
        MULTIPLAYER_MESSAGES_PER_MIN: "6000",
      }),
      launch(),
    ]);
    host = await signIn(browser, server.link, "host", SIZE);
    await host.opens("welcome");
    const made = await server.command("invite", "create", "--room", "welcome", "--role", "member", "--uses", "5");
    bob = await comesIn(browser, String(made.url), "bob", SIZE);
    moving = await comesIn(browser, String(made.url), "moving", { ...SIZE, motion: true });
    await postMany(
      host.page,
      Array.from({ length: 240 }, (_, at) => `old message ${at} ${"and more of it ".repeat((at * 7) % 23)}`),
    );
    // A room opens at what is new; from here on at its end.
    await host.page.waitForTimeout(700);
    for (const person of [host, moving]) {
      const pill = person.page.getByRole("button", { name: /Jump to latest/ });
      if (await pill.isVisible()) await pill.click();
      await person.message("old message 239").waitFor();
    }
  });

  afterEach(() => {
    expect([host, bob, moving].flatMap((person) => person.tab.wrongs)).toEqual([]);
  });

  afterAll(() => ended(browser, server, model));

  const isAsked = () => expect.poll(() => model.open(), { timeout: 30_000 }).toBe(1);

  /** Streams an answer while something else is done. */
  async function whileItSpeaks(word: string, act: () => Promise<void>): Promise<void> {
    await bob.say(`@ai ${word}`);
    await isAsked();
    const timer = setInterval(() => model.say(PARAGRAPH), 20);
    try {
      await bob.log.getByText("A sentence that goes on").last().waitFor();
      await act();
    } finally {
      clearInterval(timer);
      model.say(`${word} is done.`);
      model.finish();
    }
    await bob.message(`${word} is done.`).waitFor();
  }

  /** A card that asks, its output once it runs, and a long answer: what bob's question leads to. */
  async function workOfAnAi(word: string): Promise<void> {
    await bob.say(`@ai ${word}`);
    await isAsked();
    model.call("execute_command", { command: PRINTS });
    const card = bob.log.getByRole("region", { name: /Needs approval/ }).last();
    await card.getByRole("button", { name: "Approve once" }).click();
    await isAsked();
    for (let at = 0; at < 40; at += 1) {
      model.say(`${at % 8 === 0 ? "\n\n" : ""}${PARAGRAPH}`);
      await bob.page.waitForTimeout(40);
    }
    model.say(`${word} is done.`);
    model.finish();
    await bob.message(`${word} is done.`).waitFor();
  }

  /** As by hand: line by line, the end of the list in sight all the while. */
  async function writesLines(person: Person): Promise<void> {
    await person.field.click();
    for (let line = 0; line < 6; line += 1) {
      await person.page.keyboard.type(`line ${line} of it`, { delay: 15 });
      await person.page.keyboard.press("Shift+Enter");
    }
    await person.page.keyboard.type("and its last", { delay: 15 });
  }

  describe.each([
    ["with", () => moving],
    ["without", () => host],
  ])("%s motion", (_, reader) => {
    // Each page that looks takes its time from the others.
    afterAll(async () => {
      if (reader() === moving) await moving.tab.context.close();
    });

    test("who is at the end stays there: a card that asks, its output, a long answer", async () => {
      const seen = await watched(reader().page, async () => {
        const word = `first of ${reader().name}`;
        await workOfAnAi(word);
        await reader().message(`${word} is done.`).waitFor();
      });
      expect(seen.frames).toBeGreaterThan(50);
      expect(seen.isDead).toBe(false);
      expect(seen.gap).toBeLessThanOrEqual(2);
      expect(seen.hasPill).toBe(false);
    });

    test("who writes line by line at the end stays there, and the field is small again when it is emptied", async () => {
      const height = () => reader().field.evaluate((field) => field.clientHeight);
      const empty = await height();
      const seen = await watched(reader().page, async () => {
        await writesLines(reader());
        expect(await height()).toBeGreaterThan(empty + 100);
        await reader().page.keyboard.press("Control+a");
        await reader().page.keyboard.press("Delete");
        await expect.poll(height).toBe(empty);
        await reader().field.fill("one\ntwo\nthree\nfour\nfive\nsix");
        await reader().field.fill("");
      });
      expect(await height()).toBe(empty);
      expect(seen.frames).toBeGreaterThan(20);
      expect(seen.gap).toBeLessThanOrEqual(2);
      expect(seen.hasPill).toBe(false);
    });
  });

  test("a window that gets lower keeps the end in sight, as when a keyboard comes up", async () => {
    await host.page.setViewportSize({ width: 390, height: 800 });
    await host.page.waitForTimeout(500);
    const seen = await watched(host.page, async () => {
      for (const height of [500, 420, 800, 450]) await host.page.setViewportSize({ width: 390, height });
    });
    expect(seen.gap).toBeLessThanOrEqual(2);
    expect(seen.hasPill).toBe(false);
    await host.page.setViewportSize(SIZE);
  });

  test("who has gone up is not moved by what comes below", async () => {
    await host.log.hover();
    await host.page.mouse.wheel(0, -2500);
    await host.page.getByRole("button", { name: /Jump to latest/ }).waitFor();
    await host.page.waitForTimeout(400);
    const words = await inSight(host);
    const seen = await watched(host.page, () => workOfAnAi("second"), words);
    expect(seen.moved).toBe(0);
    await host.page.getByRole("button", { name: /Jump to latest/ }).click();
    await host.message("second is done.").waitFor();
  });

  test("a wheel turned while words stream leaves the end for good, and one comes back to it", async () => {
    await whileItSpeaks("third", async () => {
      await host.log.hover();
      for (let at = 0; at < 6; at += 1) {
        await host.page.mouse.wheel(0, -60);
        await host.page.waitForTimeout(30);
      }
      await host.page.getByRole("button", { name: /Jump to latest/ }).waitFor();
      await host.page.waitForTimeout(200);
      const words = await inSight(host);
      const seen = await watched(host.page, () => host.page.waitForTimeout(800), words);
      expect(seen.moved).toBe(0);
      await host.page.getByRole("button", { name: /Jump to latest/ }).click();
      const back = await watched(host.page, () => host.page.waitForTimeout(500));
      expect(back.gap).toBeLessThanOrEqual(2);
    });
  });

  test("older messages come above what is read, while words stream below", async () => {
    await whileItSpeaks("fourth", async () => {
      await host.log.hover();
      const height = () => host.page.evaluate(() => document.querySelector("[role=log]")?.scrollHeight ?? 0);
      for (let at = 0; at < 30; at += 1) {
        await host.page.mouse.wheel(0, -1500);
        // The wheel glides.
        await host.page.waitForTimeout(300);
        const before = await height();
        const words = await inSight(host);
        const seen = await watched(host.page, () => host.page.waitForTimeout(100), words);
        expect(seen.moved, `turn ${at}: ${words}, while the list grew by ${(await height()) - before}`).toBeLessThan(1);
        if ((await host.log.getByText(/^Welcome\./).count()) > 0) return;
      }
      throw new Error(`the first message never came: ${await inSight(host)}`);
    });
  });
});

/** The words by which a row is found that stands wholly in sight. */
async function inSight(person: Person): Promise<string> {
  return person.page.evaluate(() => {
    const log = document.querySelector("[role=log]");
    const box = log?.getBoundingClientRect();
    const row = [...(log?.querySelectorAll("article") ?? [])].find((one) => {
      const at = one.getBoundingClientRect();
      return box !== undefined && at.top > box.top + 60 && at.bottom < box.bottom - 60;
    });
    const said = /old message \d+ |(first|second|third|fourth) is done|line \d+ of/.exec(row?.textContent ?? "")?.[0];
    return said ?? row?.textContent?.slice(0, 60) ?? "";
  });
}
