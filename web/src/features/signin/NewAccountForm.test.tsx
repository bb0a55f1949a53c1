// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NewcomersAccount } from "../../connection/session";
import { needAllWords } from "../../ui/i18n";
import { NewAccountForm } from "./NewAccountForm";

await needAllWords();

let root: Root;
let place: HTMLElement;
let made: NewcomersAccount[];

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  made = [];
  place = document.createElement("div");
  document.body.append(place);
  root = createRoot(place);
  await act(async () => root.render(<NewAccountForm onSubmit={async (account) => made.push(account)} />));
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.unstubAllGlobals();
});

function field(name: string): HTMLInputElement {
  const found = place.querySelector<HTMLInputElement>(`input[name="${name}"]`);
  if (found === null) throw new Error(`there is no field ${name}`);
  return found;
}

async function write(name: string, text: string): Promise<void> {
  await act(async () => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field(name), text);
    field(name).dispatchEvent(new Event("input", { bubbles: true }));
  });
}

const submit = () => act(async () => place.querySelector("form")?.requestSubmit());

describe("a new account", () => {
  it("has a handle made of its name until another is written", async () => {
    await write("name", "Ana Lin");
    expect(field("username").value).toBe("ana-lin");
    await write("username", "ana");
    await write("name", "Ana Lindqvist");
    expect(field("username").value).toBe("ana");
    await write("new-password", "long enough");
    await submit();
    expect(made).toEqual([{ handle: "ana", password: "long enough", displayName: "Ana Lindqvist" }]);
  });

  it("says once how long a password is", async () => {
    const said = () => place.textContent?.split("At least 8 characters.").length;
    expect(said()).toBe(2);
    await write("name", "Ana");
    await write("new-password", "short");
    await submit();
    expect([said(), made, place.querySelector("[role=alert]")?.textContent]).toEqual([2, [], "At least 8 characters."]);
  });
});
