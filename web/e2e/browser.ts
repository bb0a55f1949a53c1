/** The browser that a test drives, and what each page must never do: ask another origin, or break the content policy. */

import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { CHROMIUM, FLAGS } from "../build/chromium.mjs";

export { CHROMIUM };

const FAKE_MEDIA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...FAKE_MEDIA] });
}

export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Requests to other origins, violations of the policy, errors of the page: none are allowed. */
  readonly wrongs: readonly string[];
}

export interface TabOptions {
  readonly url: string;
  readonly locale?: string;
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly touch?: boolean;
  /** What moves is seen to move, as by who has not asked for less of it. */
  readonly motion?: boolean;
}

export async function openTab(browser: Browser, options: TabOptions): Promise<Tab> {
  const context = await browser.newContext({
    baseURL: options.url,
    locale: options.locale ?? "en-GB",
    timezoneId: "UTC",
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.dark === true ? "dark" : "light",
    hasTouch: options.touch ?? false,
    reducedMotion: options.motion === true ? "no-preference" : "reduce",
    permissions: ["clipboard-read", "clipboard-write", "microphone"],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  // Choosers are caught from here on: told to with the press that opens one, a busy browser may open it first.
  page.on("filechooser", () => {});
  const wrongs: string[] = [];
  const own = new URL(options.url).host;
  context.on("request", (request) => {
    const at = new URL(request.url());
    if (!["data:", "blob:"].includes(at.protocol) && at.host !== own) wrongs.push(`asked ${request.url()}`);
  });
  page.on("pageerror", (error) => wrongs.push(`threw ${error.message}`));
  page.on("console", (line) => {
    if (/Content Security Policy|Refused to/.test(line.text())) wrongs.push(`policy ${line.text()}`);
  });
  return { page, context, wrongs };
}
