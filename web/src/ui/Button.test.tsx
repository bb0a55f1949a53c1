// @vitest-environment happy-dom
/** A button that works, or goes, leaves the keyboard where it was, or next to that. */

import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Button } from "./Button";
import { IconButton } from "./IconButton";

let root: Root;
let place: HTMLElement;
const pressed = vi.fn();

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers();
  pressed.mockReset();
  place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function show(what: ReactNode): Promise<void> {
  await act(async () => root.render(<article tabIndex={-1}>{what}</article>));
  await act(async () => vi.runAllTimers());
}
const focused = () => document.activeElement?.tagName;
const button = () => place.querySelector("button") as HTMLButtonElement;

test.each([
  ["in words", <Button key="it">Go</Button>],
  ["as a picture", <IconButton key="it" label="Go" icon={null} />],
])("what is around a button %s that goes has the focus then", async (_, one) => {
  await show(one);
  button().focus();
  await show(null);
  expect(focused()).toBe("ARTICLE");
});

test("one that goes without having had the focus moves nothing", async () => {
  await show(<Button>Go</Button>);
  await show(null);
  expect(focused()).toBe("BODY");
});

test("whoever has taken the focus meanwhile keeps it", async () => {
  await show(<Button>Go</Button>);
  button().focus();
  await show(<input ref={(field) => field?.focus()} />);
  expect(focused()).toBe("INPUT");
});

test("a button that works keeps the focus, and hears nothing", async () => {
  await show(<Button onClick={pressed}>Go</Button>);
  button().focus();
  await show(
    <Button isBusy onClick={pressed}>
      Go
    </Button>,
  );
  button().click();
  expect(pressed).not.toHaveBeenCalled();
  expect([focused(), button().disabled, button().getAttribute("aria-disabled")]).toEqual(["BUTTON", false, "true"]);
  await show(null);
  expect(focused()).toBe("ARTICLE");
});

test("a form is not sent while its button works", async () => {
  const form = (isBusy: boolean) => (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        pressed();
      }}
    >
      <Button type="submit" isBusy={isBusy}>
        Go
      </Button>
    </form>
  );
  await show(form(true));
  button().click();
  expect(pressed).not.toHaveBeenCalled();
  await show(form(false));
  button().click();
  expect(pressed).toHaveBeenCalledOnce();
});
