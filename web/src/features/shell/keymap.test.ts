// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { singleKeys } from "../preferences";
import { hear, offerAction, offeredActions, runAction } from "./keymap";

const ends: (() => void)[] = [];

function offer(...given: Parameters<typeof offerAction>): void {
  ends.push(offerAction(...given));
}

function press(key: string, at: EventTarget = document.body, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  at.dispatchEvent(event);
  return event;
}

function put(html: string): HTMLElement {
  document.body.innerHTML = html;
  const element = document.querySelector<HTMLElement>("[data-here]");
  if (element === null) throw new Error("nothing is marked");
  return element;
}

beforeEach(() => document.addEventListener("keydown", hear));
afterEach(() => {
  document.removeEventListener("keydown", hear);
  for (const end of ends.splice(0)) end();
  singleKeys.choose("on");
  document.body.innerHTML = "";
});

describe("the keymap", () => {
  it("does what was offered last, and what was before once that is taken back", () => {
    const done: string[] = [];
    offer("reply", () => done.push("below"));
    const end = offerAction("reply", () => done.push("above"));
    press("r");
    end();
    press("r");
    expect(done).toEqual(["above", "below"]);
  });

  it("asks the one before where there is nothing to do", () => {
    const done: string[] = [];
    offer("reply", () => done.push("below"));
    offer("reply", () => false);
    expect(press("r").defaultPrevented).toBe(true);
    expect(done).toEqual(["below"]);
  });

  it("leaves a key to the page where nobody does anything", () => {
    offer("reply", () => false);
    expect(press("r").defaultPrevented).toBe(false);
    expect(runAction("thread")).toBe(false);
  });

  it("hears single keys outside text fields only", () => {
    const done: string[] = [];
    offer("reply", () => done.push("reply"));
    press("r", put("<textarea data-here></textarea>"));
    press("r", put('<input type="search" data-here>'));
    press("r", put('<div contenteditable="true" data-here></div>'));
    press("r", put('<div role="menu"><button data-here></button></div>'));
    press("r", put('<div role="dialog"><button data-here></button></div>'));
    expect(done).toEqual([]);
    press("r", put('<input type="checkbox" data-here>'));
    press("r", put('<div role="dialog" data-keys><button data-here></button></div>'));
    expect(done).toEqual(["reply", "reply"]);
  });

  it("hears keys with a modifier in a text field too", () => {
    const done: string[] = [];
    offer("palette", () => done.push("palette"));
    press("k", put("<textarea data-here></textarea>"), { ctrlKey: true });
    expect(done).toEqual(["palette"]);
  });

  it("hears no single key when they are switched off", () => {
    const done: string[] = [];
    offer("reply", () => done.push("reply"));
    offer("palette", () => done.push("palette"));
    singleKeys.choose("off");
    press("r");
    press("k", document.body, { metaKey: true });
    expect(done).toEqual(["palette"]);
  });

  it("leaves alone what is being composed and what somebody has heard already", () => {
    const done: string[] = [];
    offer("reply", () => done.push("reply"));
    press("r", document.body, { isComposing: true });
    const here = put("<button data-here></button>");
    here.addEventListener("keydown", (event) => event.preventDefault());
    press("r", here);
    expect(done).toEqual([]);
  });

  it("closes what is on top before it leaves the text, and leaves the text before it stops the AI", () => {
    const done: string[] = [];
    let isOpen = true;
    let hasText = true;
    offer("stopTurn", () => done.push("stop"));
    offer("blurComposer", () => {
      if (!hasText) return false;
      hasText = false;
      return done.push("blur");
    });
    offer("closeLayer", () => {
      if (!isOpen) return false;
      isOpen = false;
      return done.push("close");
    });
    for (let times = 0; times < 3; times += 1) press("Escape", put("<textarea data-here></textarea>"));
    expect(done).toEqual(["close", "blur", "stop"]);
  });

  it("tells what can be done now", () => {
    const end = offerAction("react", () => {});
    expect(offeredActions()).toContain("react");
    end();
    expect(offeredActions()).not.toContain("react");
  });
});
