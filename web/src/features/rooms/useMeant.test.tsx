// @vitest-environment happy-dom
/** A link at which one rests is made ready; one that is only passed over is not. */

import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { REST_MS, useMeant } from "./useMeant";

let root: Root;
let place: HTMLElement;
let ready: string[];

function Row({ name }: { readonly name: string }) {
  return <a href={`#${name}`} {...useMeant(() => ready.push(name))} />;
}

beforeEach(async () => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.useFakeTimers();
  ready = [];
  place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
  await act(async () =>
    root.render(
      <>
        <Row name="first" />
        <Row name="second" />
      </>,
    ),
  );
});
afterEach(async () => {
  await act(async () => root.unmount());
  place.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const link = (name: string) => place.querySelector<HTMLElement>(`[href="#${name}"]`) as HTMLElement;
const pass = (ms: number) => act(async () => vi.advanceTimersByTime(ms));
/** The mouse goes from one to the other, as a browser tells of it. */
function move(from: HTMLElement | null, to: HTMLElement | null): Promise<void> {
  return act(async () => {
    from?.dispatchEvent(new MouseEvent("pointerout", { bubbles: true, relatedTarget: to }));
    to?.dispatchEvent(new MouseEvent("pointerover", { bubbles: true, relatedTarget: from }));
  });
}

test("the mouse passes over one and rests at the next", async () => {
  await move(null, link("first"));
  await pass(REST_MS - 1);
  await move(link("first"), link("second"));
  await pass(REST_MS);
  expect(ready).toEqual(["second"]);
});

test("the keyboard goes over one and stays at the next", async () => {
  await act(async () => link("first").focus());
  await pass(REST_MS - 1);
  await act(async () => link("second").focus());
  await pass(REST_MS);
  expect(ready).toEqual(["second"]);
});

test("a link that is gone is made ready no more", async () => {
  await move(null, link("first"));
  await act(async () => root.render(null));
  await pass(REST_MS);
  expect(ready).toEqual([]);
});
