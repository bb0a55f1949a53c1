// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeClient } from "../../../gallery/fake";
import { DEPLOY, deployRoom } from "../../../gallery/rooms";
import type { Asked, Client } from "../../connection/types";
import { needAllWords } from "../../ui/i18n";
import { prefetchAll } from "../../ui/parts";
import { ClientContext } from "../hooks";
import { readDraft, writeDraft } from "../preferences";
import { Composer } from "./Composer";

// What the composer would fetch when it is first opened.
await Promise.all([needAllWords(), prefetchAll(async () => true)]);

let root: Root;
let place: HTMLElement;
let posted: string[];
let asked: Asked[];

function client(): Client {
  const made = fakeClient({ states: [deployRoom({ turns: new Map() })] });
  const room = made.room(DEPLOY);
  const heard = {
    ...room,
    post: (text: string) => {
      posted.push(text);
    },
    ask: async (command: Asked) => {
      asked.push(command);
      return { type: "accepted", re: "1" } as const;
    },
  };
  return { ...made, room: () => heard };
}

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  writeDraft(DEPLOY, "");
  posted = [];
  asked = [];
  place = document.createElement("div");
  document.body.append(place);
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.unstubAllGlobals();
});

async function open(): Promise<HTMLTextAreaElement> {
  root = createRoot(place);
  const given = client();
  await act(async () =>
    root.render(
      <ClientContext value={given}>
        <Composer roomId={DEPLOY} />
      </ClientContext>,
    ),
  );
  const field = place.querySelector("textarea");
  if (field === null) throw new Error("there is no field");
  return field;
}

async function write(field: HTMLTextAreaElement, text: string): Promise<void> {
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(field, text);
    field.setSelectionRange(text.length, text.length);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

async function press(field: HTMLElement, key: string, more: KeyboardEventInit = {}): Promise<void> {
  await act(async () => {
    field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  });
}

describe("the composer", () => {
  it("sends with Enter, once, and is empty then", async () => {
    const field = await open();
    await write(field, "hello");
    await press(field, "Enter");
    await press(field, "Enter");
    expect(posted).toEqual(["hello"]);
    expect(field.value).toBe("");
    expect(readDraft(DEPLOY)).toBe("");
  });
  it("does not send half a word of an input method", async () => {
    const field = await open();
    await write(field, "nihao");
    await press(field, "Enter", { isComposing: true });
    expect(posted).toEqual([]);
    await write(field, "你好");
    await press(field, "Enter");
    expect(posted).toEqual(["你好"]);
  });
  it("keeps what was begun for the next time it is opened", async () => {
    await write(await open(), "not yet done");
    await act(async () => root.unmount());
    expect((await open()).value).toBe("not yet done");
  });
  it("takes a name of the list with Enter, and says which one is marked", async () => {
    const field = await open();
    await write(field, "ask @de");
    const marked = place.querySelector(`#${CSS.escape(field.getAttribute("aria-activedescendant") ?? "")}`);
    expect(marked?.textContent).toContain("DeepSeek");
    expect(marked?.getAttribute("aria-selected")).toBe("true");
    await press(field, "Enter");
    expect(posted).toEqual([]);
    expect(field.value).toBe("ask @deepseek ");
    expect(place.querySelector("[role=listbox]")).toBeNull();
  });
  it("closes the list with Escape, and then Enter sends what stands there", async () => {
    const field = await open();
    await write(field, "mail @de");
    await press(field, "Escape");
    expect(place.querySelector("[role=listbox]")).toBeNull();
    await press(field, "Enter");
    expect(posted).toEqual(["mail @de"]);
  });
  it("carries out a command, and sends nothing of an unknown one", async () => {
    const field = await open();
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    expect(asked).toEqual([{ type: "set_topic", topic: "Releases only" }]);
    expect(field.value).toBe("");
    await write(field, "/tpoic x");
    await press(field, "Enter");
    expect(posted).toEqual([]);
    expect(place.querySelector("[role=alert]")?.textContent).toContain("/tpoic");
    expect(field.value).toBe("/tpoic x");
  });
});
