/**
 * Measures the web interface for `python -m benchmarks --only web`, which starts the server and judges what is found.
 *
 * Speaks JSON, a line each: tells the address of its model, is told what to measure and where, tells what it finds.
 * Before each part it waits for a line: whoever started it waits for a quiet moment.
 */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { barePages } from "./bare.mjs";
import { launch, measuredPage, newContext, signIn } from "./browser.mjs";
import { lighthouse } from "./lighthouse.mjs";
import { loads, roomSwitches } from "./loading.mjs";
import { heldWhole, readBackwards, scrollOfBarePage, whileAnAiWrites } from "./longRoom.mjs";
import { steadyModel } from "./model.mjs";
import { barePage, ownMessages, roomPage } from "./own.mjs";

const BARE_LINES = 10_000;

function tell(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function next(text) {
  tell({ kind: "next", text });
  await heard();
}

async function measure(job, model, browser, bare) {
  const { url, size } = job;
  const { empty, long } = job.rooms;
  const found = (part, facts) => tell({ kind: "found", found: { part, facts } });
  const state = await signIn(browser, job.link);
  const bareContext = await newContext(browser);
  const context = await newContext(browser, state);
  const at = (room) => `${url}/r/${room.id}`;

  await next("First looks …");
  found("loads", {
    signIn: await loads(browser, undefined, `${url}/sign-in`, "form", size),
    room: await loads(browser, state, at(job.rooms.switched[0]), "composer", size),
  });

  await next("A long room …");
  const bareScroll = await scrollOfBarePage(bareContext, bare, size.scrollMs);
  const whole = await roomPage(context, at(long));
  const backwards = await readBackwards(whole.view, at(long), size.scrollMs);
  const held = await heldWhole(whole.view, url, long.id, size.scrollMs);
  await next("An AI that writes …");
  const writing = await whileAnAiWrites(whole, model, size.scrollMs);
  found("long", {
    bareScroll: [bareScroll, await scrollOfBarePage(bareContext, bare, size.scrollMs)],
    backwards,
    held,
    writing,
  });

  await next("Own messages …");
  const pages = {
    bare: await barePage(bareContext, bare),
    empty: await roomPage(context, at(empty)),
    long: whole,
  };
  await whole.view.page.bringToFront();
  found("own", await ownMessages(pages, size.own));
  await whole.view.page.close();

  await next("Changing the room …");
  found("switches", await roomSwitches(await measuredPage(context), url, job.rooms.switched, size.switchRounds));
  return state;
}

async function lighthouses(job, { cookies }) {
  await next("Lighthouse …");
  const facts = await lighthouse({
    executablePath: job.chromium,
    cookies,
    pages: { "sign-in": `${job.url}/sign-in`, room: `${job.url}/r/${job.rooms.switched[0].id}` },
    times: job.size.lighthouseTimes,
    onRun: ({ page, form, scores }) =>
      tell({ kind: "say", text: `  ${page}, ${form}: ${Object.values(scores).join(" ")}` }),
  });
  tell({ kind: "found", found: { part: "lighthouse", facts } });
}

async function heard() {
  const [line] = await once(lines, "line");
  return line;
}

const lines = createInterface({ input: process.stdin });
const model = await steadyModel();
tell({ kind: "model", url: model.url });
const job = JSON.parse(await heard());
const bare = await barePages(BARE_LINES);
try {
  const browser = await launch(job.chromium);
  tell({ kind: "browser", version: browser.version() });
  let state;
  try {
    state = await measure(job, model, browser, bare);
  } finally {
    await browser.close();
  }
  if (job.size.lighthouseTimes > 0) await lighthouses(job, state);
  tell({ kind: "done" });
} catch (error) {
  tell({ kind: "fault", text: String(error.stack ?? error) });
  process.exitCode = 1;
} finally {
  model.close();
  bare.close();
  lines.close();
}
