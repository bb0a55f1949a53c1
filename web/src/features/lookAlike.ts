/**
 * Names that look like each other, by their skeletons: the letters that a reader takes them for.
 * After UTS #39, section 4, with the letters of its table that stand in Latin, Greek, Cyrillic and Armenian words.
 */

const LATIN =
  "Αa Βb Εe Ζz Ηh Ιi Κk Μm Νn Οo Ρp Τt Υy Χx αa βb γy εe ηn ιi κk μu νv οo ρp τt υu χx ωw ϲc ϳj " +
  "Аa Вb Еe Ѕs Іi Јj Кk Мm Нh Оo Рp Сc Тt Уy Ұy Хx Һh Ԁd Ԍg Ԛq Ԝw Ӏl " +
  "аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy ұy хx һh ԁd ԛq ԝw ьb ӏl гr пn " +
  "օo հh ոn սu ցg ԁd զq Օo Սu Տs ɑa ɡg ı i ꞵb ʀr ʏy ᴏo ᴄc ᴠv ᴡw ᴢz 0o 1l |l 5s";

const LETTERS = new Map<string, string>();
for (const pair of LATIN.split(" ")) {
  const [from = "", to = ""] = pair;
  if (to !== "") LETTERS.set(from, to);
}

/** Two names with the same one can be taken for each other. Empty: nothing of it can be read. */
export function skeletonOf(name: string): string {
  let skeleton = "";
  for (const letter of name.normalize("NFKD")) {
    if (!/[\p{L}\p{N}|]/u.test(letter)) continue;
    skeleton += LETTERS.get(letter) ?? letter;
  }
  return skeleton.toLowerCase().replaceAll("rn", "m").replaceAll("vv", "w").replaceAll("i", "l");
}

interface Named {
  readonly account_id: string;
  readonly display_name: string;
}

/** The ids of those whose names another one's looks like. */
export function lookAlikes(people: Iterable<Named>): ReadonlySet<string> {
  const bySkeleton = new Map<string, string>();
  const found = new Set<string>();
  for (const { account_id, display_name } of people) {
    const skeleton = skeletonOf(display_name);
    const other = bySkeleton.get(skeleton);
    if (other === undefined) bySkeleton.set(skeleton, account_id);
    else if (other !== account_id) found.add(other).add(account_id);
  }
  return found;
}
