/** From Enter to one's own message on the screen: in an empty room, in a long one, and on a page that does nothing else. */
import { measuredPage, seen, wait } from "./browser.mjs";

const LEAST_GAP_MS = 120;
const MORE_GAP_MS = 120;
let number = 0;

async function say(view, field) {
  number += 1;
  const words = `own words ${number} of this run`;
  await field.fill(words);
  // At no fixed time of a frame, and after what the last one set off.
  await wait(LEAST_GAP_MS + Math.random() * MORE_GAP_MS);
  await view.page.evaluate((expected) => window.bench.ownWords(expected), words);
  await field.press("Enter");
  return seen(view, "a message of one's own");
}

function sum(rounds, part) {
  return rounds.map((round) => round[part]);
}

/** Turn about: so many on each page in each round. `pages`: a field to write in, by name. */
export async function ownMessages(pages, { rounds, messages }) {
  const found = Object.fromEntries(Object.keys(pages).map((name) => [name, []]));
  for (const { view, field } of Object.values(pages)) {
    await view.page.bringToFront();
    // The first one loads what only a first one needs.
    await say(view, field);
  }
  for (let round = 0; round < rounds; round++) {
    const names = Object.keys(pages);
    for (const name of round % 2 === 0 ? names : names.reverse()) {
      const { view, field } = pages[name];
      await view.page.bringToFront();
      await field.focus();
      for (let one = 0; one < messages; one++) found[name].push(await say(view, field));
    }
  }
  return Object.fromEntries(
    Object.entries(found).map(([name, all]) => [
      name,
      { inPage: sum(all, "inPage"), frame: sum(all, "frame"), screen: sum(all, "screen") },
    ]),
  );
}

/** A room with the field to write in it. */
export async function roomPage(context, address) {
  const view = await measuredPage(context);
  await view.page.goto(address);
  const field = view.page.getByRole("region", { name: "Write a message" }).getByRole("textbox");
  await field.waitFor();
  return { view, field };
}

export async function barePage(context, bare) {
  const view = await measuredPage(context, false);
  await view.page.goto(`${bare.url}/append`);
  return { view, field: view.page.getByRole("textbox") };
}
