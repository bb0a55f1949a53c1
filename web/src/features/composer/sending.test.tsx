// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeClient } from "../../../gallery/fake";
import { DEPLOY, deployRoom, SUPPORT, supportRoom } from "../../../gallery/rooms";
import { type Asked, type Client, Refused } from "../../connection/types";
import type { Accepted } from "../../protocol/wire";
import type { Pending } from "../../room/state";
import { needAllWords } from "../../ui/i18n";
import { prefetchAll } from "../../ui/parts";
import { Toaster } from "../../ui/Toast";
import { ClientContext } from "../hooks";
import { readDraft, writeDraft } from "../preferences";
import { forgetTargets, useEdited } from "../replying";
import { Composer } from "./Composer";

await Promise.all([needAllWords(), prefetchAll(async () => true)]);

const ACCEPTED = { type: "accepted", re: "1" } as const;

/** Something that is answered when the test says so. */
class Answer<T> {
  resolve: (value: T) => void = () => undefined;
  reject: (error: Error) => void = () => undefined;
  readonly given = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

let root: Root;
let place: HTMLElement;
let client: Client;
let posted: string[];
let asked: Asked[];
let answer: Answer<Accepted>;
let upload: Answer<object>;

function makeClient(pending: readonly Pending[] = []): Client {
  const made = fakeClient({ states: [deployRoom({ turns: new Map() }), supportRoom()], pending });
  return {
    ...made,
    rest: { ...made.rest, upload: async () => JSON.parse(JSON.stringify(await upload.given)) },
    room: (id) => ({
      ...made.room(id),
      post: (text, { attachments = [] } = {}) => {
        posted.push(`${id === DEPLOY ? "deploy" : "support"}: ${[text, ...attachments].join(" ")}`);
      },
      ask: (command) => {
        asked.push(command);
        return answer.given;
      },
    }),
  };
}

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  for (const one of [DEPLOY, SUPPORT]) writeDraft(one, "");
  posted = [];
  asked = [];
  answer = new Answer();
  upload = new Answer();
  client = makeClient();
  place = document.createElement("div");
  document.body.append(place);
  root = createRoot(place);
});

afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  forgetTargets();
  vi.unstubAllGlobals();
});

/** The timeline shows it in its place. */
function Edited({ roomId }: { readonly roomId: string }) {
  return <output>{useEdited(roomId, undefined)}</output>;
}

async function open(roomId: string): Promise<HTMLTextAreaElement> {
  await act(async () =>
    root.render(
      <ClientContext value={client}>
        <Composer key={roomId} roomId={roomId} />
        <Edited roomId={roomId} />
        <Toaster />
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

async function press(field: HTMLElement, key: string): Promise<void> {
  await act(async () => {
    field.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  });
}

/** All that waits for an answer has had it. */
const settled = () => act(async () => new Promise((resolve) => setTimeout(resolve)));

async function attach(name: string): Promise<void> {
  const input = place.querySelector<HTMLInputElement>("input[type=file]");
  await act(async () => {
    Object.defineProperty(input, "files", { value: [new File(["hello"], name)], configurable: true });
    input?.dispatchEvent(new Event("change", { bubbles: true }));
  });
  await settled();
}

const arrived = (id: string) => ({ room_id: DEPLOY, attachment: { id, name: "a.txt", size: 5, state: "ready" } });
const button = (name: string) =>
  [...place.querySelectorAll("button")].find((one) => (one.getAttribute("aria-label") ?? one.textContent) === name);

describe("the arrow upwards in an empty field", () => {
  const onItsWay: Pending = {
    key: "k",
    roomId: DEPLOY,
    text: "what was written last",
    replyTo: undefined,
    attachments: [],
    at: "2026-11-20T12:00:00.000Z",
    state: "sending",
    reason: undefined,
  };
  async function arrowed(...pending: readonly Pending[]): Promise<boolean> {
    client = makeClient(pending);
    await press(await open(DEPLOY), "ArrowUp");
    return place.querySelector("output")?.textContent !== "";
  }

  it("leads to one's last message", async () => expect(await arrowed()).toBe(true));
  it.each(["sending", "waiting"] as const)("leads to none before it while the last one is %s", async (state) =>
    expect(await arrowed({ ...onItsWay, state })).toBe(false),
  );
  it("leads past one that was refused", async () =>
    expect(await arrowed({ ...onItsWay, state: "refused", reason: "too long" })).toBe(true));
});

describe("a command on its way", () => {
  it("takes nothing from what is typed meanwhile when it is done", async () => {
    const field = await open(DEPLOY);
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    expect(field.value).toBe("");
    await write(field, "the next long sentence");
    answer.resolve(ACCEPTED);
    await settled();
    expect(asked).toHaveLength(1);
    expect(field.value).toBe("the next long sentence");
    expect(readDraft(DEPLOY)).toBe("the next long sentence");
  });
  it("does not hold up what is sent after it", async () => {
    const field = await open(DEPLOY);
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    await write(field, "and hello");
    await press(field, "Enter");
    expect(posted).toEqual(["deploy: and hello"]);
  });
  it("comes back with the reason when it is refused", async () => {
    const field = await open(DEPLOY);
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    answer.reject(new Refused("forbidden", "only admins"));
    await settled();
    expect(field.value).toBe("/topic Releases only");
    expect(readDraft(DEPLOY)).toBe("/topic Releases only");
    expect(place.querySelector("section [role=alert]")).not.toBeNull();
  });
  it("comes back before what was typed since, and the caret stays where one types", async () => {
    const field = await open(DEPLOY);
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    field.focus();
    await write(field, "newer words");
    field.setSelectionRange(5, 5);
    answer.reject(new Refused("forbidden", "only admins"));
    await settled();
    expect(field.value).toBe("/topic Releases only\nnewer words");
    expect(field.value.slice(field.selectionStart)).toBe(" words");
  });
  it("waits for the end of a word that an input method puts together before it comes back", async () => {
    const field = await open(DEPLOY);
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    const composes = (type: string) =>
      act(async () => {
        field.dispatchEvent(new CompositionEvent(type, { bubbles: true }));
      });
    await composes("compositionstart");
    await write(field, "ni");
    answer.reject(new Refused("forbidden", "only admins"));
    await settled();
    expect(field.value).toBe("ni");
    await write(field, "你");
    await composes("compositionend");
    expect(field.value).toBe("/topic Releases only\n你");
  });
  it("comes back as a draft, and is told of, when another room is looked at", async () => {
    const field = await open(DEPLOY);
    await write(field, "/topic Releases only");
    await press(field, "Enter");
    const other = await open(SUPPORT);
    answer.reject(new Refused("forbidden", "only admins"));
    await settled();
    expect(other.value).toBe("");
    expect(readDraft(DEPLOY)).toBe("/topic Releases only");
    expect(document.body.textContent).toContain("Only admins");
    expect((await open(DEPLOY)).value).toBe("/topic Releases only");
  });
});

describe("a message whose files are on their way", () => {
  async function sends(words: string): Promise<HTMLTextAreaElement> {
    const field = await open(DEPLOY);
    await attach("a.txt");
    await write(field, words);
    await press(field, "Enter");
    return field;
  }

  it("has left the field, is seen to wait, and is posted with them while another room is looked at", async () => {
    const field = await sends("look at this");
    expect(field.value).toBe("");
    expect(readDraft(DEPLOY)).toBe("");
    expect(place.textContent).toContain("Sends when the files are there");
    expect(posted).toEqual([]);
    await open(SUPPORT);
    upload.resolve(arrived("f1"));
    await settled();
    expect(posted).toEqual(["deploy: look at this f1"]);
    await open(DEPLOY);
    expect(place.textContent).not.toContain("look at this");
  });
  it("takes nothing along of what is typed after it", async () => {
    const field = await sends("look at this");
    await write(field, "h");
    upload.resolve(arrived("f1"));
    await settled();
    expect(posted).toEqual(["deploy: look at this f1"]);
    expect(field.value).toBe("h");
  });
  it("is taken back into the field with its files, and then nothing is sent until that is asked for", async () => {
    const field = await sends("look at this");
    await write(field, "newer");
    await act(async () => button("Do not send yet")?.click());
    expect(field.value).toBe("look at this\nnewer");
    expect(place.textContent).not.toContain("Sends when the files are there");
    await act(async () => button("Take off a.txt")?.click());
    await write(field, "h");
    upload.resolve(arrived("f1"));
    await settled();
    expect(posted).toEqual([]);
    await press(field, "Enter");
    expect(posted).toEqual(["deploy: h"]);
  });
  it("comes back with its words, and that is said, when its file does not arrive", async () => {
    const field = await sends("look at this");
    upload.reject(new Refused("limit_reached", "the room is full"));
    await settled();
    expect(posted).toEqual([]);
    expect(field.value).toBe("look at this");
    expect(document.body.textContent).toContain("Not sent, since a file did not arrive: a.txt.");
  });
  it("comes back into the draft of its room when another is looked at", async () => {
    await sends("look at this");
    const other = await open(SUPPORT);
    upload.reject(new Refused("limit_reached", "the room is full"));
    await settled();
    expect(other.value).toBe("");
    expect((await open(DEPLOY)).value).toBe("look at this");
    expect(place.textContent).toContain("a.txt");
  });
  it("makes the browser ask before the page is left, until it is gone", async () => {
    const leave = () => {
      const event = new Event("beforeunload", { cancelable: true });
      window.dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(leave()).toBe(false);
    await sends("look at this");
    expect(leave()).toBe(true);
    upload.resolve(arrived("f1"));
    await settled();
    expect(leave()).toBe(false);
  });
});
