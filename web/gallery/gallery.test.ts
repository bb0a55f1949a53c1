// @vitest-environment happy-dom
/** The gallery has what the specification names. */

import type { ReactNode } from "react";
import { beforeAll, expect, test } from "vitest";
import { STATES } from "./table";

const files = import.meta.glob<Readonly<Record<string, () => ReactNode>> | undefined>(
  ["./*.tsx", "!./gallery.tsx", "!./Pressed.tsx", "!./Scene.tsx"],
  { import: "states" },
);
const areas = new Map<string, readonly string[]>();

beforeAll(async () => {
  for (const [path, load] of Object.entries(files)) {
    const states = await load();
    if (states !== undefined) areas.set(path.slice("./".length, -".tsx".length), Object.keys(states));
  }
});

const ids = () => [...areas].flatMap(([area, names]) => names.map((name) => `${area}/${name}`));

test("each area has a state at least", () => {
  expect(areas.size).toBeGreaterThan(12);
  for (const [area, names] of areas) expect(names.length, area).toBeGreaterThan(0);
});

test("no two states would be one picture, and each name is fit for a file", () => {
  const names = ids();
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-zA-Z]+\/[a-zA-Z-]+$/);
});

test("every state that the specification names is there", () => {
  const known = new Set(ids());
  const missing = Object.values(STATES).flatMap((states) => Object.values(states).filter((id) => !known.has(id)));
  expect(missing).toEqual([]);
});
