/**
 * The languages of the interface. The first words in English are always there; all others come with the view that says
 * them, in the language that is shown (`words.ts`).
 */

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { toast } from "../Toast";
import { base } from "./en/base";
import { allPacks, fetchWords, KEPT_AS, type Language, type Pack, type Words } from "./words";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: Words };
    returnNull: false;
  }
}

export { chosenLanguage, type Language, languages, type Pack } from "./words";

const tags: Readonly<Record<Language, string>> = { en: "en", zh: "zh-CN" };
const wanted = new Set<Pack>(["base"]);
const there = new Set(["en base"]);

const shown = (): Language => (i18next.language === "zh" ? "zh" : "en");

async function have(pack: Pack, language: Language): Promise<void> {
  const key = `${language} ${pack}`;
  if (there.has(key)) return;
  i18next.addResourceBundle(language, "translation", await fetchWords(pack, language), true, true);
  there.add(key);
}

/** Resolves when these words are there in the language that is shown; rejects when they cannot be fetched. */
export async function needWords(packs: readonly Pack[]): Promise<void> {
  for (const pack of packs) wanted.add(pack);
  const language = shown();
  await Promise.all(packs.map((pack) => have(pack, language)));
  if (shown() !== language) await needWords(packs);
}

/** For pages that show everything there is. */
export function needAllWords(): Promise<void> {
  return needWords(allPacks);
}

/** Changes the language, and keeps it for the next visit; says so where its words cannot be fetched. */
export async function setLanguage(language: Language): Promise<void> {
  try {
    await show(language);
    localStorage.setItem(KEPT_AS, language);
  } catch {
    toast(i18next.t("common.notLoaded"), {
      tone: "danger",
      action: { label: i18next.t("common.retry"), onPress: () => void setLanguage(language) },
    });
  }
}

/** Shows a language without keeping it. No view is without its words meanwhile: the language changes when all are there. */
export async function show(language: Language): Promise<void> {
  for (let lacking = [...wanted]; lacking.length > 0; ) {
    await Promise.all(lacking.map((pack) => have(pack, language)));
    lacking = [...wanted].filter((pack) => !there.has(`${language} ${pack}`));
  }
  await i18next.changeLanguage(language);
  if (typeof document !== "undefined") document.documentElement.lang = tags[language];
}

// English is at hand as soon as this is imported, so that a view can be painted without waiting.
void i18next.use(initReactI18next).init({
  lng: "en",
  fallbackLng: "en",
  supportedLngs: ["en", "zh"],
  resources: { en: { translation: base } },
  interpolation: { escapeValue: false },
  initAsync: false,
});

export { default as i18n } from "i18next";
