// @vitest-environment happy-dom
/** Code is plain until its colours are there, and never in those of another text or language. */

import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { useColoured } from "./useColoured";

let root: Root;
let place: HTMLElement;

beforeEach(() => {
  place = document.createElement("div");
  root = createRoot(place);
});
afterEach(() => root.unmount());

function Code({ text, language }: { readonly text: string; readonly language: string | undefined }) {
  return <code>{useColoured(text, language) ?? text}</code>;
}

const show = (text: string, language: string | undefined) => root.render(<Code text={text} language={language} />);
const colours = () => [...place.querySelectorAll("span")].map((one) => `${one.className} ${one.textContent}`);
const coloured = (...wanted: readonly string[]) =>
  vi.waitFor(() => expect(colours()).toEqual(wanted), { timeout: 10_000 });

test("code is plain at first, then coloured, and its words are the same", async () => {
  show("const x = 1", "js");
  await vi.waitFor(() => expect(place.textContent).toBe("const x = 1"));
  expect(colours()).toEqual([]);
  await coloured("text-ai const", "text-warn 1");
  expect(place.textContent).toBe("const x = 1");
});

test("another text has its own colours", async () => {
  show("const x = 1", "js");
  await coloured("text-ai const", "text-warn 1");
  show("let y = 2", "js");
  await coloured("text-ai let", "text-warn 2");
});

test.each(["text", undefined])("the same words are plain again where they are in %s", async (language) => {
  show("const x = 1", "js");
  await coloured("text-ai const", "text-warn 1");
  show("const x = 1", language);
  await coloured();
  expect(place.textContent).toBe("const x = 1");
});
