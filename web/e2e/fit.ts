/** Whether everything on a page can be seen and pressed: nothing out of reach, nothing that scrolls two ways, nothing too small. */

import type { Page } from "playwright-core";

export interface FitOptions {
  /** The least height and width of what is pressed, in px. */
  readonly target: number;
  /** Where a finger presses most: there at least this. */
  readonly finger?: number;
}

/** What may scroll sideways while its page scrolls down: what loses its meaning when it is broken into lines. */
const SIDEWAYS = "pre, table, [role='tablist'], section[aria-label][tabindex='0']";

/** A line for each thing that does not fit. */
export function misfits(page: Page, { target, finger = target }: FitOptions): Promise<readonly string[]> {
  return page.evaluate(measure, { target, finger, sideways: SIDEWAYS });
}

/** Waits until nothing moves or changes its colour: what inherits a colour changes after what it inherits from. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let frames = 0; frames < 60; frames += 1) {
      await new Promise((done) => requestAnimationFrame(done));
      if (frames > 0 && document.getAnimations().length === 0) return;
    }
  });
}

/** Runs in the page: it can use nothing but what is in it. */
function measure({ target, finger, sideways }: { target: number; finger: number; sideways: string }): string[] {
  const root = document.documentElement;
  const wrong: string[] = [];
  const PRESSED =
    "button, [href], input, select, textarea, summary, [role='tab'], [role='menuitem'], [role='option'], [role='switch']";

  const nameOf = (element: Element) => {
    const said = element.getAttribute("aria-label") ?? element.textContent ?? "";
    return `<${element.localName} class="${(element.getAttribute("class") ?? "").slice(0, 70)}"> "${said.trim().slice(0, 50)}"`;
  };
  const isSeen = (element: Element) => {
    const box = element.getBoundingClientRect();
    return (
      box.width > 2 &&
      box.height > 2 &&
      element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
      getComputedStyle(element).clipPath === "none" &&
      // A link that skips to a place comes into view when it is focused.
      element.closest("[aria-hidden='true'], [inert], a[href^='#']:not(:focus)") === null
    );
  };
  const scrolls = (how: string) => how === "auto" || how === "scroll";

  /** How far an element stands outside of what can be brought into view, in px; ancestors that scroll bring it in. */
  const outside = (element: Element) => {
    let { left, right, top, bottom } = element.getBoundingClientRect();
    let style = getComputedStyle(element);
    let far = 0;
    for (let at = element.parentElement; at !== null && at !== root; at = at.parentElement) {
      const around = getComputedStyle(at);
      const isJumped = style.position === "fixed" || (style.position === "absolute" && around.position === "static");
      if (isJumped) continue;
      const box = at.getBoundingClientRect();
      const canX = scrolls(around.overflowX) && at.scrollWidth > at.clientWidth;
      const canY = scrolls(around.overflowY) && at.scrollHeight > at.clientHeight;
      // Words that end in an ellipsis are cut on purpose.
      const isCut = around.textOverflow === "ellipsis" || around.webkitLineClamp !== "none";
      if (around.overflowX !== "visible" && !canX && !isCut) far = Math.max(far, box.left - left, right - box.right);
      if (around.overflowY !== "visible" && !canY && !isCut) far = Math.max(far, box.top - top, bottom - box.bottom);
      if (around.overflowX !== "visible") [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
      if (around.overflowY !== "visible") [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
      if (canX) [left, right] = [box.left, box.right];
      if (canY) [top, bottom] = [box.top, box.bottom];
      style = around;
    }
    far = Math.max(far, -left, right - root.clientWidth);
    const isPageLong = root.scrollHeight > root.clientHeight && style.position !== "fixed";
    return isPageLong ? far : Math.max(far, -top, bottom - root.clientHeight);
  };

  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is ${root.scrollWidth - root.clientWidth} px too wide`);
  for (const element of document.body.querySelectorAll("*")) {
    if (element.scrollWidth <= element.clientWidth + 1 || element.clientWidth === 0) continue;
    if (!scrolls(getComputedStyle(element).overflowX) || !isSeen(element)) continue;
    if (element.matches(sideways) || element.querySelector(`:scope > :is(${sideways})`) !== null) continue;
    wrong.push(`scrolls ${element.scrollWidth - element.clientWidth} px sideways: ${nameOf(element)}`);
  }

  for (const element of document.body.querySelectorAll(PRESSED)) {
    if (!isSeen(element)) continue;
    const far = outside(element);
    if (far > 1) wrong.push(`${Math.round(far)} px out of reach: ${nameOf(element)}`);
    if (element.matches(":disabled") || getComputedStyle(element).display === "inline") continue;
    const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [];
    const boxes = [element, ...labels, ...(element.parentElement?.matches("label") ? [element.parentElement] : [])];
    const sizes = boxes.map((one) => one.getBoundingClientRect());
    const isFingers = element.closest("header, [role='log'] section, [data-landmark='composer']") !== null;
    const least = isFingers ? finger : target;
    const width = Math.max(...sizes.map((box) => box.width));
    const height = Math.max(...sizes.map((box) => box.height));
    if (Math.min(width, height) < least - 0.5) {
      wrong.push(`${Math.round(width)}×${Math.round(height)} px, less than ${least}: ${nameOf(element)}`);
    }
  }

  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set<Element>();
  for (let node = words.nextNode(); node !== null; node = words.nextNode()) {
    const of = node.parentElement;
    if (of === null || seen.has(of) || (node.textContent ?? "").trim() === "" || !isSeen(of)) continue;
    seen.add(of);
    const far = outside(of);
    if (far > 1) wrong.push(`words ${Math.round(far)} px out of reach: ${nameOf(of)}`);
  }
  return wrong;
}
