/** Names and groups of all emoji in the reader's language. The data comes with the interface, from no other host. */

import enData from "emojibase-data/en/data.json?url";
import enMessages from "emojibase-data/en/messages.json?url";
import zhData from "emojibase-data/zh/data.json?url";
import zhMessages from "emojibase-data/zh/messages.json?url";
import type { EmojiData } from "frimousse";

const files = {
  en: { data: enData, messages: enMessages },
  zh: { data: zhData, messages: zhMessages },
} as const;

/** What people answer with most, in this order. */
export const COMMON = ["👍", "❤️", "😂", "🎉", "👀", "✅", "🙏", "🔥"] as const;

/** Newer ones are boxes on many machines. */
const NEWEST = 15;
const COMPONENTS = 2;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
const records = (value: unknown) => (Array.isArray(value) ? value.filter(isRecord) : []);
const text = (value: unknown) => (typeof value === "string" ? value : "");

/** Without the sign that asks for the picture where it is the picture anyway: others write it without. */
const plain = (emoji: string) => emoji.replace(/(\p{Emoji_Presentation})\ufe0f/gu, "$1");

async function json(url: string, signal: AbortSignal | undefined): Promise<unknown> {
  const answer = await fetch(url, signal === undefined ? {} : { signal });
  if (!answer.ok) throw new Error(`the emoji are not there: ${answer.status}`);
  return answer.json();
}

export async function emojiData(locale: string, { signal }: { readonly signal?: AbortSignal }): Promise<EmojiData> {
  const { data, messages } = locale === "zh" ? files.zh : files.en;
  const [told, words] = await Promise.all([json(data, signal), json(messages, signal)]);
  const groups = isRecord(words) ? records(words.groups) : [];
  const tones = isRecord(words) ? records(words.skinTones) : [];
  const tone = (key: string) => text(tones.find((one) => one.key === key)?.message);
  return {
    locale,
    emojis: records(told).flatMap((one) => {
      const category = one.group;
      const version = Number(one.version);
      if (typeof category !== "number" || category === COMPONENTS || version > NEWEST) return [];
      const emoji = plain(text(one.emoji));
      const tags = texts(one.tags);
      return [
        {
          emoji,
          category,
          version,
          label: capitalised(text(one.label)),
          // Each tag that matches counts: of what is alike the common one comes first.
          tags: COMMON.some((common) => common === emoji) ? [...tags, ...tags, ...tags] : tags,
        },
      ];
    }),
    categories: groups.flatMap((group) => {
      const index = group.order;
      return typeof index === "number" && index !== COMPONENTS
        ? [{ index, label: capitalised(text(group.message)) }]
        : [];
    }),
    skinTones: {
      light: tone("light"),
      "medium-light": tone("medium-light"),
      medium: tone("medium"),
      "medium-dark": tone("medium-dark"),
      dark: tone("dark"),
    },
  };
}

const capitalised = (words: string) => words.charAt(0).toLocaleUpperCase() + words.slice(1);
