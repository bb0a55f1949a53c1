/** Words come with the views that say them: none is missing from what a view brings. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { en } from "./en/all";
import { i18n, needWords, show } from "./index";
import { allPacks, fetchWords, type Language } from "./words";
import { zh } from "./zh/all";

const ROOT = resolve(import.meta.dirname, "../..");
const areas = Object.keys(en);
const KEY = new RegExp(`["'\`](${areas.join("|")})\\.[a-z]`, "g");

function fileAt(from: string, path: string): string | undefined {
  const place = resolve(dirname(from), path);
  return [`${place}.ts`, `${place}.tsx`, join(place, "index.ts")].find((one) => existsSync(one));
}

/** What a file imports at once. */
function importsOf(file: string): readonly string[] {
  const found = readFileSync(file, "utf8").matchAll(/^(?:import|export)(?! type)[^;]*? from "(\.[^"]+)";$/gm);
  return [...found].flatMap(([, path = ""]) => fileAt(file, path) ?? []);
}

function areasSaid(root: string): ReadonlySet<string> {
  const said = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file) || file.includes("/i18n/")) return;
    seen.add(file);
    for (const [, area = ""] of readFileSync(file, "utf8").matchAll(KEY)) said.add(area);
    for (const next of importsOf(file)) visit(next);
  };
  visit(root);
  return said;
}

interface Seam {
  readonly file: string;
  readonly words: readonly string[];
}

/** Each view that is fetched later, with the words that are fetched with it. */
function seams(): readonly Seam[] {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  return files.flatMap((name) => {
    const text = readFileSync(join(ROOT, name), "utf8");
    const calls = text.matchAll(/\b(?:later|part)(?:<[^(]*>)?\(\s*\(\) =>\s*import\("([^"]+)"\)(?<rest>[^;]*);/g);
    return [...calls].flatMap(([, path = "", rest = ""]) => {
      const file = fileAt(join(ROOT, name), path);
      const words = /(?:words:|,) \[([^\]]*)\]/.exec(rest)?.[1] ?? "";
      return file === undefined ? [] : [{ file, words: [...words.matchAll(/"(\w+)"/g)].map(([, word = ""]) => word) }];
    });
  });
}

const inPack = async (pack: string, language: Language) =>
  Object.keys(await fetchWords(allPacks.find((one) => one === pack) ?? "base", language));

/** The keys of all words of a tree. */
function keysOf(words: object, above = ""): readonly string[] {
  return Object.entries(words).flatMap(([key, said]) =>
    typeof said === "string" ? [`${above}${key}`] : keysOf(said, `${above}${key}.`),
  );
}

/** Whether the sources say a key: as it is, or as a template whose gaps may stand for any one name. */
function saying(): (key: string) => boolean {
  const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter(
    (name) => /\.tsx?$/.test(name) && !/\.test\.|i18n\/(en|zh)\//.test(name),
  );
  const text = files.map((name) => readFileSync(join(ROOT, name), "utf8")).join("\n");
  const whole = new Set([...text.matchAll(/["'`](\w+(?:\.\w+)+)["'`]/g)].map(([, key = ""]) => key));
  const begun = new RegExp(`\`((?:${areas.join("|")})\\.(?:[\\w.]|\\$\\{[^}]*\\})*)\``, "g");
  const templates = [...text.matchAll(begun)].map(
    ([, said = ""]) => new RegExp(`^${said.replaceAll(".", "\\.").replaceAll(/\$\{[^}]*\}/g, "[\\w-]+")}$`),
  );
  // A count chooses one of two.
  return (key) =>
    [key, key.replace(/_(one|other)$/, "")].some((one) => whole.has(one) || templates.some((is) => is.test(one)));
}

describe("words", () => {
  test("all packs together are all the words of a language", async () => {
    for (const [language, all] of [
      ["en", en],
      ["zh", zh],
    ] as const) {
      const packs = await Promise.all(allPacks.map((pack) => fetchWords(pack, language)));
      const together = Object.assign({}, ...packs, language === "en" ? { common: en.common, shell: en.shell } : {});
      expect(together).toEqual(all);
    }
  });

  test("a view that is fetched later says nothing but what is there by then", async () => {
    const found = seams();
    expect(found.length).toBeGreaterThan(25);
    const base = await inPack("base", "zh");
    const room = await inPack("room", "en");
    for (const { file, words } of found) {
      const isBeforeRooms = /shell\/Inside|features\/signin\//.test(file);
      const there = new Set([...base, ...(isBeforeRooms ? [] : room), ...words]);
      for (const pack of words) for (const area of await inPack(pack, "en")) there.add(area);
      const lacking = [...areasSaid(file)].filter((area) => !there.has(area));
      expect(lacking, file.slice(ROOT.length)).toEqual([]);
    }
  });

  test("each is said by somebody", () => {
    const isSaid = saying();
    expect(keysOf(en).length).toBeGreaterThan(900);
    expect(keysOf(en).filter((key) => !isSaid(key))).toEqual([]);
  });

  test("the page itself says only what it begins with", async () => {
    const base = await inPack("base", "zh");
    expect([...areasSaid(join(ROOT, "start.tsx"))].filter((area) => !base.includes(area))).toEqual([]);
  });

  test("a language changes when all words that were needed are there in it", async () => {
    await needWords(["usage"]);
    const changing = show("zh");
    // Asked for while the language is about to change.
    const needed = needWords(["files"]);
    expect(i18n.language).toBe("en");
    await Promise.all([changing, needed]);
    expect(i18n.getResourceBundle("zh", "translation")).toMatchObject({ usage: zh.usage, files: zh.files });
    await show("en");
    expect(i18n.getResourceBundle("en", "translation")).toMatchObject({ files: en.files });
  });
});
