/** The first letters of Chinese words in pinyin, by the order that the browser itself sorts them in: 客户支持 is khzc. */

/** No syllable begins with one of the others. */
const LETTERS = "ABCDEFGHJKLMNOPQRSTWXYZ";
/** With this sign before it, a letter stands in the pinyin order right before all that begins with it. */
const MARK = "\uFDD0";

type Compare = (one: string, other: string) => number;

let order: Compare | undefined | "none";

/** Not every browser has the order; then nothing is found by pinyin. */
function pinyinOrder(): Compare | undefined {
  if (order === undefined) {
    const { compare } = new Intl.Collator("zh-u-co-pinyin");
    order = [..."客户奶然"].map((sign) => letterOf(sign, compare)).join("") === "khnr" ? compare : "none";
  }
  return order === "none" ? undefined : order;
}

function letterOf(sign: string, compare: Compare): string {
  let found = "";
  for (const letter of LETTERS) {
    if (compare(sign, MARK + letter) < 0) break;
    found = letter;
  }
  return found.toLowerCase();
}

const known = new Map<string, string>();

/** Empty for a text without Chinese. Other letters and digits stay. */
export function initialsOf(text: string): string {
  if (!/\p{Script=Han}/u.test(text)) return "";
  const found = known.get(text);
  if (found !== undefined) return found;
  const compare = pinyinOrder();
  if (compare === undefined) return "";
  let initials = "";
  for (const sign of text.toLowerCase()) {
    if (/\p{Script=Han}/u.test(sign)) initials += letterOf(sign, compare);
    else if (/[\p{L}\p{N}]/u.test(sign)) initials += sign;
  }
  known.set(text, initials);
  return initials;
}
