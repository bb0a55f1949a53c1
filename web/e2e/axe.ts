/** What axe finds wrong in a page. It is put in beside the content policy, not through it, so that the policy stays on. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { AxeResults, RunOptions } from "axe-core";
import type { Page } from "playwright-core";

declare global {
  interface Window {
    readonly axe: { run(root: Document, options: RunOptions): Promise<AxeResults> };
  }
}

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const EVERY: RunOptions = {
  runOnly: { type: "tag", values: TAGS },
  // Not a part of the tags yet, but what is said by voice must be what is read.
  rules: { "label-content-name-mismatch": { enabled: true } },
};
/** The rules that a theme can break. */
const COLOURS: RunOptions = { runOnly: { type: "rule", values: ["color-contrast", "link-in-text-block"] } };

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A line for each element that breaks a rule: the rule, the element, what helps. */
export async function faults(page: Page, what: "every rule" | "colours" = "every rule"): Promise<readonly string[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  return page.evaluate(
    async (options) => {
      const { violations } = await window.axe.run(document, options);
      // A menu hangs from its button, beside all landmarks.
      const isMenu = (rule: string, html: string) => rule === "region" && html.includes("data-radix-popper");
      return violations.flatMap((rule) =>
        rule.nodes
          .filter(({ html }) => !isMenu(rule.id, html))
          .map(
            ({ html, failureSummary }) =>
              `${rule.id}: ${html.slice(0, 200)}: ${rule.help}: ${(failureSummary ?? "").replace(/\s+/g, " ")}`,
          ),
      );
    },
    { ...(what === "colours" ? COLOURS : EVERY), resultTypes: ["violations" as const], preload: false },
  );
}
