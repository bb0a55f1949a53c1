/** Lighthouse on the way in and on a room, in a browser that is signed in. Lighthouse has a folder of its own: it is installed there. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { FLAGS } from "../build/chromium.mjs";

const CATEGORIES = ["performance", "accessibility", "best-practices"];

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** The audits of a category that took points away, or could not be made. */
function failed(report, category) {
  return report.categories[category].auditRefs
    .filter(({ weight }) => weight > 0)
    .map(({ id }) => report.audits[id])
    .filter(({ score, scoreDisplayMode }) => scoreDisplayMode === "error" || (score !== null && score < 0.9))
    .map(({ id, score, displayValue, errorMessage, details }) => {
      const first = details?.items?.[0];
      const what = first?.description ?? first?.node?.snippet ?? "";
      return { id, score, shown: [errorMessage ?? displayValue ?? "", what].filter((word) => word !== "").join(": ") };
    });
}

function told(report) {
  const value = (id) => report.audits[id].numericValue ?? null;
  return {
    scores: Object.fromEntries(CATEGORIES.map((category) => [category, report.categories[category].score])),
    failed: Object.fromEntries(CATEGORIES.map((category) => [category, failed(report, category)])),
    lcpMs: value("largest-contentful-paint"),
    fcpMs: value("first-contentful-paint"),
    tbtMs: value("total-blocking-time"),
    shift: value("cumulative-layout-shift"),
    version: report.lighthouseVersion,
  };
}

/** `pages`: addresses by name. A throttled phone, as Lighthouse has it by default, and a plain desktop. */
export async function lighthouse({ executablePath, cookies, pages, times, onRun }) {
  const { default: run, desktopConfig } = await import("../lighthouse/node_modules/lighthouse/core/index.js");
  const folder = await mkdtemp(join(tmpdir(), "multiplayer-lighthouse-"));
  const port = await freePort();
  const args = [...FLAGS, `--remote-debugging-port=${port}`];
  const context = await chromium.launchPersistentContext(folder, { executablePath, args, locale: "en-GB" });
  const found = [];
  try {
    // Whoever is signed in is not asked to: the way in comes first.
    for (const [name, address] of Object.entries(pages)) {
      if (name !== "sign-in") await context.addCookies(cookies);
      for (const [form, config] of Object.entries({ phone: undefined, desktop: desktopConfig })) {
        for (let time = 0; time < times; time++) {
          const flags = { port, onlyCategories: CATEGORIES, logLevel: "error" };
          const { lhr } = await run(address, flags, config);
          found.push({ page: name, form, ...told(lhr) });
          onRun(found.at(-1));
        }
      }
    }
  } finally {
    await context.close();
    await rm(folder, { recursive: true, force: true });
  }
  return found;
}
