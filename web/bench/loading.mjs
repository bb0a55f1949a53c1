/** What a first look costs: bytes and time to the page that can be used, cold and warm; and changing the room. */
import { measuredPage, newContext, seen, wait } from "./browser.mjs";

async function recordOf(wire) {
  const byId = new Map();
  await wire.send("Network.enable");
  wire.on("Network.requestWillBeSent", ({ requestId, type }) => byId.set(requestId, { type, bytes: 0 }));
  wire.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const one = byId.get(requestId);
    if (one !== undefined) one.bytes = encodedDataLength;
  });
  return () => {
    const all = [...byId.values()];
    const scripts = all.filter((one) => one.type === "Script");
    const kb = (some) => some.reduce((sum, one) => sum + one.bytes, 0) / 1000;
    return { kb: kb(all), scriptKb: kb(scripts), scripts: scripts.length };
  };
}

async function load(view, address, sign, restMs) {
  const read = await recordOf(view.wire);
  await view.page.goto(address, { waitUntil: "commit" });
  await view.page.waitForFunction((name) => window.bench?.ready[name] !== undefined, sign);
  const first = read();
  const readyMs = await view.page.evaluate((name) => window.bench.ready[name], sign);
  await wait(restMs);
  return { readyMs, ...first, later: read() };
}

/** Each time in a new context, with nothing cached; then once more in the same, with everything. */
export async function loads(browser, state, address, sign, { loads: times, restMs }) {
  const cold = [];
  const warm = [];
  for (let time = 0; time < times; time++) {
    const context = await newContext(browser, state);
    const one = await measuredPage(context);
    cold.push(await load(one, address, sign, restMs));
    await one.page.close();
    const again = await measuredPage(context);
    warm.push(await load(again, address, sign, restMs));
    await context.close();
  }
  return { cold, warm };
}

/** `rooms`: id, name, and words that stand in all messages of each. The first round opens them, the others come back. */
export async function roomSwitches(view, url, rooms, rounds) {
  const { page } = view;
  await page.goto(`${url}/r/${rooms.at(-1).id}`);
  await page.getByRole("log").getByText(rooms.at(-1).words).last().waitFor();
  const opened = [];
  const again = [];
  for (let round = 0; round < rounds; round++) {
    for (const { name, words } of round === 0 ? rooms.slice(0, -1) : rooms) {
      const link = page.getByRole("navigation", { name: "Rooms" }).getByRole("link", { name });
      await link.hover();
      await wait(300);
      await page.evaluate((expected) => window.bench.roomOf(expected), words);
      await link.click();
      (round === 0 ? opened : again).push(await seen(view, `the messages of ${name}`));
      await wait(200);
    }
  }
  return { opened, again };
}
