/** A room of ten thousand messages: opened, read backwards, held whole; and an AI that writes in it meanwhile. */
import { counters, framesOf, measuredPage, wait, wheel } from "./browser.mjs";
import { ASKS } from "./model.mjs";

/** Three screens a second. */
const STEP_PX = 50;
const WORDS_PER_S = 60;
const ASKED_MS = 60_000;
/** Scrolling by hand counts as the reason of what moves for half a second. */
const CALM_MS = 800;
const SETTLED_MS = 30_000;

async function nodes({ page }) {
  return page.evaluate(() => document.querySelectorAll("*").length);
}

export async function scrollOfBarePage(context, bare, forMs) {
  const view = await measuredPage(context, false);
  await view.page.goto(`${bare.url}/scroll`);
  const found = await framesOf(view, () => wheel(view, forMs, STEP_PX));
  await view.page.close();
  return found;
}

/** Opened as anyone opens it, and read backwards: older messages come as they are needed. */
export async function readBackwards(view, address, forMs) {
  await view.page.goto(address);
  await view.page.waitForFunction(() => window.bench.ready.article !== undefined);
  const firstArticleMs = await view.page.evaluate(() => window.bench.ready.article);
  await wait(CALM_MS);
  const opened = await nodes(view);
  const scroll = await framesOf(view, () => wheel(view, forMs, -STEP_PX));
  return { firstArticleMs, nodes: opened, scroll };
}

async function firstMessage(page, roomId) {
  return page.evaluate(async (id) => {
    const answer = await fetch(`/api/v1/rooms/${id}/events?limit=200`);
    const { events } = await answer.json();
    return events.find((event) => event.type === "message_posted").message.id;
  }, roomId);
}

/** By a link to its first message, for which the page loads everything after it. */
export async function heldWhole(view, url, roomId, forMs) {
  const messageId = await firstMessage(view.page, roomId);
  const began = performance.now();
  await view.page.goto(`${url}/r/${roomId}/m/${messageId}`);
  await view.page.getByRole("log").locator(`[data-row="${messageId}"]`).waitFor({ timeout: 120_000 });
  const loadedMs = performance.now() - began;
  await wait(CALM_MS);
  const { heapMb } = await counters(view.wire);
  const scroll = await framesOf(view, () => wheel(view, forMs, STEP_PX));
  return { loadedMs, nodes: await nodes(view), heapMb, scroll };
}

/** The row in the middle of the window, when it has stood there for a while: a busy page scrolls on after the wheel. */
async function restingRow(page) {
  const middle = () =>
    page.evaluate(() => {
      const rows = [...document.querySelectorAll("[role=log] article[data-row]")];
      const row = rows.find((one) => one.getBoundingClientRect().bottom > window.innerHeight / 2);
      return { id: row?.dataset.row, top: row?.getBoundingClientRect().top };
    });
  const until = performance.now() + SETTLED_MS;
  for (let before = await middle(); performance.now() < until; ) {
    await wait(CALM_MS);
    const now = await middle();
    if (now.id === before.id && now.top === before.top) return now.id;
    before = now;
  }
  throw new Error("the list did not come to rest");
}

/** An AI writes: the reader is at the end; then goes up and reads there; then scrolls on while it still writes. */
export async function whileAnAiWrites({ view, field }, model, forMs) {
  const { page } = view;
  await field.fill(`@ai answer ${ASKS}`);
  await field.press("Enter");
  await model.asked(ASKED_MS);
  const said = model.speak(WORDS_PER_S);
  const began = performance.now();
  await wait(CALM_MS);
  const start = async (anchorId) =>
    page.evaluate((id) => {
      window.bench.watching = window.bench.writing(id);
    }, anchorId);
  const atEnd = await framesOf(view, async () => {
    await start();
    await wait(forMs);
  });
  const written = await page.evaluate(() => window.bench.watching());
  const nodesAtEnd = await nodes(view);
  const scroll = await framesOf(view, () => wheel(view, forMs, -STEP_PX));
  await start(await restingRow(page));
  const { busy } = await framesOf(view, () => wait(forMs));
  const { shift, drift } = await page.evaluate(() => window.bench.watching());
  const wordsPerS = said() / ((performance.now() - began) / 1000);
  model.stop();
  return { written, atEnd, nodes: nodesAtEnd, scroll, reading: { busy, shift, drift }, wordsPerS };
}
