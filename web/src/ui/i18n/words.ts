/**
 * Which words come together, and from where. A view's words are fetched with the view (`later` in ui/Later.tsx), so a
 * new area is a line in `en/all.ts` and `zh/all.ts`, and here: with what every room shows, or by itself.
 */

import type { en } from "./en/all";

export type Words = typeof en;
export type Language = "en" | "zh";
type Fetch = Readonly<Record<Language, () => Promise<Partial<Words>>>>;

const packs = {
  // In English these are a part of the page: `index.ts` begins with them.
  base: { en: () => Promise.resolve({}), zh: () => import("./zh/base").then((part) => part.base) },
  room: {
    en: () => import("./en/room").then((part) => part.room),
    zh: () => import("./zh/room").then((part) => part.room),
  },
  cards: {
    en: () => import("./en/cards").then(({ cards }) => ({ cards })),
    zh: () => import("./zh/cards").then(({ cards }) => ({ cards })),
  },
  context: {
    en: () => import("./en/context").then(({ context }) => ({ context })),
    zh: () => import("./zh/context").then(({ context }) => ({ context })),
  },
  files: {
    en: () => import("./en/files").then(({ files }) => ({ files })),
    zh: () => import("./zh/files").then(({ files }) => ({ files })),
  },
  members: {
    en: () => import("./en/members").then(({ members }) => ({ members })),
    zh: () => import("./zh/members").then(({ members }) => ({ members })),
  },
  notifying: {
    en: () => import("./en/notifying").then(({ notifying }) => ({ notifying })),
    zh: () => import("./zh/notifying").then(({ notifying }) => ({ notifying })),
  },
  palette: {
    en: () => import("./en/palette").then(({ palette }) => ({ palette })),
    zh: () => import("./zh/palette").then(({ palette }) => ({ palette })),
  },
  search: {
    en: () => import("./en/search").then(({ search }) => ({ search })),
    zh: () => import("./zh/search").then(({ search }) => ({ search })),
  },
  settings: {
    en: () => import("./en/settings").then(({ settings }) => ({ settings })),
    zh: () => import("./zh/settings").then(({ settings }) => ({ settings })),
  },
  signin: {
    en: () => import("./en/signin").then(({ signin }) => ({ signin })),
    zh: () => import("./zh/signin").then(({ signin }) => ({ signin })),
  },
  terminal: {
    en: () => import("./en/terminal").then(({ terminal }) => ({ terminal })),
    zh: () => import("./zh/terminal").then(({ terminal }) => ({ terminal })),
  },
  usage: {
    en: () => import("./en/usage").then(({ usage }) => ({ usage })),
    zh: () => import("./zh/usage").then(({ usage }) => ({ usage })),
  },
} satisfies Readonly<Record<string, Fetch>>;

export type Pack = keyof typeof packs;

export const allPacks = Object.keys(packs).filter((name): name is Pack => name in packs);

/** A fetch that failed is made again at the next call. */
export function fetchWords(pack: Pack, language: Language): Promise<Partial<Words>> {
  return packs[pack][language]();
}

export const languages: readonly { readonly value: Language; readonly label: string }[] = [
  { value: "en", label: "English" },
  { value: "zh", label: "简体中文" },
];

export const KEPT_AS = "multiplayer.language";

/** A private window may refuse to keep anything. */
function kept(): string | null {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null;
  }
}

export function chosenLanguage(): Language {
  const chosen = kept();
  if (chosen === "en" || chosen === "zh") return chosen;
  const known = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === "en" || tag === "zh");
  return known === "zh" ? "zh" : "en";
}
