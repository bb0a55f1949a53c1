/**
 * The languages of the interface. English is always there; another one is loaded when it is chosen.
 * Words live in `en/<area>.ts` and `zh/<area>.ts`; `en/all.ts` and `zh/all.ts` collect the areas.
 */

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en/all";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
    returnNull: false;
  }
}

export type Language = "en" | "zh";

export const languages: readonly { readonly value: Language; readonly label: string }[] = [
  { value: "en", label: "English" },
  { value: "zh", label: "简体中文" },
];

const KEPT_AS = "multiplayer.language";
const tags: Readonly<Record<Language, string>> = { en: "en", zh: "zh-CN" };

export function chosenLanguage(): Language {
  const kept = localStorage.getItem(KEPT_AS);
  if (kept === "en" || kept === "zh") return kept;
  const known = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === "en" || tag === "zh");
  return known === "zh" ? "zh" : "en";
}

async function load(language: Language): Promise<void> {
  if (language === "zh" && !i18next.hasResourceBundle("zh", "translation")) {
    const { zh } = await import("./zh/all");
    i18next.addResourceBundle("zh", "translation", zh);
  }
}

/** Changes the language at once, and keeps it for the next visit. */
export async function setLanguage(language: Language): Promise<void> {
  localStorage.setItem(KEPT_AS, language);
  await show(language);
}

/** Shows a language without keeping it. */
export async function show(language: Language): Promise<void> {
  await load(language);
  await i18next.changeLanguage(language);
  if (typeof document !== "undefined") document.documentElement.lang = tags[language];
}

// English is at hand as soon as this is imported, so that a view can be painted without waiting.
void i18next.use(initReactI18next).init({
  lng: "en",
  fallbackLng: "en",
  supportedLngs: ["en", "zh"],
  resources: { en: { translation: en } },
  interpolation: { escapeValue: false },
  initAsync: false,
});

export { default as i18n } from "i18next";
