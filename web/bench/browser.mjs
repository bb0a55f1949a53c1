/** The browser of a sitting, and pages in it that measure themselves. */
import { chromium } from "playwright-core";
import { FLAGS } from "../build/chromium.mjs";
import { install } from "./instruments.mjs";

const SEEN_MS = 10_000;
const VIEW = { width: 1440, height: 900 };

export function launch(executablePath) {
  return chromium.launch({ executablePath, args: FLAGS });
}

/** A page with the instruments in it, and a line to the browser's own counters. Bare ones are not waited for. */
export async function measuredPage(context, isRoom = true) {
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  await page.addInitScript(install, isRoom);
  const wire = await context.newCDPSession(page);
  // Seconds of a processor, not of the clock: what else this machine does is not the page's work.
  await wire.send("Performance.enable", { timeDomain: "threadTicks" });
  return { page, wire };
}

export function newContext(browser, state) {
  const signedIn = state === undefined ? {} : { storageState: state };
  return browser.newContext({ ...signedIn, locale: "en-GB", timezoneId: "UTC", viewport: VIEW });
}

/** Signs in by a one-time link; what is returned lets other contexts in. */
export async function signIn(browser, link) {
  const context = await newContext(browser);
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole("navigation", { name: "Rooms" }).waitFor({ timeout: 30_000 });
  const state = await context.storageState();
  await context.close();
  return state;
}

/** Seconds of a processor that the page's main thread has used so far, and for what; and what it holds. */
export async function counters(wire) {
  const { metrics } = await wire.send("Performance.getMetrics");
  const named = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  return {
    busyS: named.TaskDuration,
    scriptS: named.ScriptDuration,
    layoutS: named.LayoutDuration + named.RecalcStyleDuration,
    nodes: named.Nodes,
    heapMb: named.JSHeapUsedSize / 1e6,
  };
}

/** What the page was last asked to look out for. */
export async function seen({ page }, what) {
  const found = await page.evaluate(
    (mostMs) => Promise.race([window.bench.answer, new Promise((next) => setTimeout(next, mostMs))]),
    SEEN_MS,
  );
  if (found === undefined) throw new Error(`${what}: not seen within ${SEEN_MS / 1000} s`);
  return found;
}

export const wait = (ms) => new Promise((next) => setTimeout(next, ms));

/** Turns a wheel over the list, sixty times a second. */
export async function wheel({ page, wire }, forMs, stepPx) {
  const box = await page.getByRole("log").boundingBox();
  const at = { x: Math.round(box.x + box.width / 2), y: Math.round(box.y + box.height / 2) };
  await page.mouse.move(at.x, at.y);
  const turns = [];
  const began = performance.now();
  for (let turn = 1; performance.now() - began < forMs; turn++) {
    turns.push(wire.send("Input.dispatchMouseEvent", { type: "mouseWheel", ...at, deltaX: 0, deltaY: stepPx }));
    await wait(Math.max(0, began + (turn * 1000) / 60 - performance.now()));
  }
  await Promise.all(turns);
}

/** What `during` costs: the times of its frames, and how busy the main thread was. */
export async function framesOf(view, during) {
  const before = await counters(view.wire);
  const began = performance.now();
  await view.page.evaluate(() => {
    window.bench.running = window.bench.frames();
  });
  await during();
  const frames = await view.page.evaluate(() => window.bench.running());
  const tookS = (performance.now() - began) / 1000;
  const after = await counters(view.wire);
  return {
    frames,
    busy: (after.busyS - before.busyS) / tookS,
    script: (after.scriptS - before.scriptS) / tookS,
    layout: (after.layoutS - before.layoutS) / tookS,
  };
}
