// @vitest-environment happy-dom
import { act, useState } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fakeClient } from "../../../gallery/fake";
import { DEPLOY, guest, lin, mei, member, sam } from "../../../gallery/rooms";
import { needAllWords } from "../../ui/i18n";
import { ClientContext } from "../hooks";
import { HandleField, type HandleFieldProps } from "./HandleField";

await needAllWords();

let root: Root;
let place: HTMLElement;
let submitted: string[];

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  submitted = [];
  place = document.createElement("div");
  document.body.append(place);
  root = createRoot(place);
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.unstubAllGlobals();
});

function Form(props: Pick<HandleFieldProps, "isMany" | "without">) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submitted.push(text);
      }}
    >
      <HandleField
        {...props}
        label="Handle"
        hint=""
        error={undefined}
        placeholder=""
        roomId={DEPLOY}
        value={text}
        onChange={setText}
      />
    </form>
  );
}

async function open(props: Pick<HandleFieldProps, "isMany" | "without"> = {}): Promise<HTMLInputElement> {
  const people = [mei, sam, lin, guest].map((one) => member(one, "member"));
  const client = fakeClient({ answers: { "GET /api/v1/rooms/{room_id}/members": { members: people } } });
  await act(async () =>
    root.render(
      <ClientContext value={client}>
        <Form {...props} />
      </ClientContext>,
    ),
  );
  const field = place.querySelector<HTMLInputElement>("[role=combobox]");
  if (field === null) throw new Error("there is no field");
  return field;
}

async function write(field: HTMLInputElement, text: string): Promise<void> {
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** As a browser does: Enter in a field sends the form, if nobody has taken the key. */
async function press(field: HTMLElement, key: string, more: KeyboardEventInit = {}): Promise<boolean> {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  await act(async () => {
    if (field.dispatchEvent(event) && key === "Enter") place.querySelector("form")?.requestSubmit();
  });
  return event.defaultPrevented;
}

const offered = () => [...place.querySelectorAll("[role=option] bdi")].map((one) => one.textContent);
const marked = () => place.querySelector("[aria-selected=true] bdi")?.textContent;

describe("a field for handles", () => {
  it("offers people of rooms, without oneself and those who are not wanted, and marks none of them yet", async () => {
    const field = await open({ without: new Map([[guest.id, guest]]) });
    expect(offered()).toEqual(["Sam", "林悦"]);
    expect(marked()).toBeUndefined();
    expect(field.getAttribute("aria-expanded")).toBe("true");
    expect(field.getAttribute("aria-controls")).toBe(place.querySelector("[role=listbox]")?.id);
  });

  it("marks who fits best, and takes them by Enter; the next Enter sends", async () => {
    const field = await open();
    await write(field, "@lin");
    expect([offered(), marked()]).toEqual([["林悦"], "林悦"]);
    expect(place.querySelector(`#${CSS.escape(field.getAttribute("aria-activedescendant") ?? "")}`)).not.toBeNull();
    await press(field, "Enter");
    expect([field.value, submitted]).toEqual(["@linyue", []]);
    await press(field, "Enter");
    expect(submitted).toEqual(["@linyue"]);
  });

  it("goes around by the arrows", async () => {
    const field = await open();
    await press(field, "ArrowDown");
    expect(marked()).toBe("Jordan Okafor");
    await press(field, "ArrowUp");
    expect(marked()).toBe("林悦");
    await press(field, "ArrowDown");
    await press(field, "Enter");
    expect(field.value).toBe("@jordan");
  });

  it("sends what is written once Escape has let go of what is marked", async () => {
    const field = await open();
    await write(field, "sa");
    expect([marked(), field.hasAttribute("data-keeps-escape")]).toEqual(["Sam", true]);
    expect(await press(field, "Escape")).toBe(true);
    expect([marked(), field.hasAttribute("data-keeps-escape")]).toEqual([undefined, false]);
    expect(await press(field, "Escape")).toBe(false);
    await press(field, "Enter");
    expect(submitted).toEqual(["sa"]);
  });

  it("lets an unknown handle be written", async () => {
    const field = await open();
    await write(field, "nobody-known");
    expect([offered(), field.getAttribute("aria-expanded")]).toEqual([[], "false"]);
    expect(place.textContent).toContain("Nobody you share a room with");
    await press(field, "Enter");
    expect(submitted).toEqual(["nobody-known"]);
  });

  it("takes nobody while signs are put together", async () => {
    const field = await open();
    await write(field, "li");
    await press(field, "Enter", { isComposing: true });
    expect(field.value).toBe("li");
  });

  it("takes several, each once", async () => {
    const field = await open({ isMany: true });
    await write(field, "@sam, lin");
    await act(async () => place.querySelector<HTMLElement>("[role=option]")?.click());
    expect(field.value).toBe("@sam, @linyue ");
    expect(offered()).toEqual(["Jordan Okafor"]);
    await press(field, "Enter");
    expect(submitted).toEqual(["@sam, @linyue "]);
    await act(async () => place.querySelector<HTMLElement>("[role=option]")?.click());
    // Nobody is left, and nothing was written that fits nobody.
    expect([field.value, offered(), place.textContent?.includes("Nobody")]).toEqual([
      "@sam, @linyue @jordan ",
      [],
      false,
    ]);
  });
});
