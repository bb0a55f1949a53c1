/** What is searched for, as its address says it; and the filters that may be written among the words. */

export interface Asked {
  readonly words: string;
  readonly roomId: string | undefined;
  /** As it was written; the server knows which rooms have that name. */
  readonly roomName: string | undefined;
  /** A handle or a name, or `me`. */
  readonly from: string | undefined;
  readonly hasFile: boolean;
  readonly hasLink: boolean;
  /** A day, as 2026-11-22: what was said on it or later. */
  readonly after: string | undefined;
  /** Only what was said before that day. */
  readonly before: string | undefined;
}

/** What the server is asked for. */
export interface Query {
  readonly q?: string;
  readonly room?: string;
  readonly room_name?: string;
  readonly author?: string;
  readonly has_file?: boolean;
  readonly has_link?: boolean;
  readonly since?: string;
  readonly until?: string;
}

/** No message is older; what is typed as a year begins with 0002. */
export const FIRST_DAY = "1970-01-01";
const MOST_WORDS = 200;
const MOST_NAME = 100;

export function fromAddress(query: string): Asked {
  const params = new URLSearchParams(query);
  const said = (name: string) => params.get(name)?.trim() || undefined;
  const has = params.get("has")?.split(",") ?? [];
  return withFilters({
    words: params.get("q") ?? "",
    roomId: said("room"),
    roomName: said("in"),
    from: said("from"),
    hasFile: has.includes("file"),
    hasLink: has.includes("link"),
    after: dayOf(said("after")),
    before: dayOf(said("before")),
  });
}

export function toAddress(asked: Asked): string {
  const params = new URLSearchParams();
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined && value !== "") params.set(name, value);
  };
  put("q", asked.words);
  put("room", asked.roomId);
  put("in", asked.roomName);
  put("from", asked.from);
  put("has", [asked.hasFile ? "file" : "", asked.hasLink ? "link" : ""].filter((one) => one !== "").join(","));
  put("after", asked.after);
  put("before", asked.before);
  const query = params.toString();
  return query === "" ? "/search" : `/search?${query}`;
}

/** A word; of a filter, its value may be in quotes. */
const WORD = /[^\s"“”]+[:：]["“”][^"“”]*["“”](?!\S)|\S+/g;
const FILTER = /^(from|has|before|after|in)[:：](.+)$/is;

/** Takes `from:mei`, `in:"the room"`, `has:link` or `before:2026-11-22` out of the words. What has no meaning stays a word. */
export function withFilters(asked: Asked): Asked {
  const words: string[] = [];
  let found = asked;
  for (const word of asked.words.match(WORD) ?? []) {
    const [, name = "", quoted = ""] = FILTER.exec(word) ?? [];
    const change = filterOf(name.toLowerCase(), quoted.replace(/^["“”](.*)["“”]$/s, "$1").trim());
    if (change === undefined) words.push(word);
    else found = { ...found, ...change };
  }
  return { ...found, words: words.join(" ") };
}

function filterOf(name: string, value: string): Partial<Asked> | undefined {
  const day = dayOf(value);
  const bare = value.replace(name === "in" ? /^[#＃]/ : /^[@＠]/, "");
  if (name === "from" && bare !== "") return { from: bare };
  // The room that was written last is the one that is meant.
  if (name === "in" && bare !== "") return { roomName: bare, roomId: undefined };
  if (name === "has" && value.toLowerCase() === "file") return { hasFile: true };
  if (name === "has" && value.toLowerCase() === "link") return { hasLink: true };
  if (name === "before" && day !== undefined) return { before: day };
  if (name === "after" && day !== undefined) return { after: day };
  return undefined;
}

/** undefined: there is nothing to look for yet; a room alone is a place to look, not something to find. */
export function queryOf(asked: Asked): Query | undefined {
  const { words, from, hasFile, hasLink, after, before, roomId, roomName } = asked;
  const isFiltered = from !== undefined || hasFile || hasLink || after !== undefined || before !== undefined;
  if (words === "" && !isFiltered) return undefined;
  return {
    ...(words === "" ? {} : { q: [...words].slice(0, MOST_WORDS).join("") }),
    ...(roomId === undefined ? {} : { room: roomId }),
    ...(roomName === undefined || roomId !== undefined ? {} : { room_name: roomName.slice(0, MOST_WORDS) }),
    ...(from === undefined ? {} : { author: [...from].slice(0, MOST_NAME).join("") }),
    ...(hasFile ? { has_file: true } : {}),
    ...(hasLink ? { has_link: true } : {}),
    ...(after === undefined ? {} : { since: startOf(after).toISOString() }),
    ...(before === undefined ? {} : { until: startOf(before).toISOString() }),
  };
}

export function dayOf(text: string | undefined): string | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text) || text < FIRST_DAY) return undefined;
  const [, month, day] = text.split("-").map(Number);
  const at = startOf(text);
  // 31 February would be a day of March.
  return at.getMonth() + 1 === month && at.getDate() === day ? text : undefined;
}

/** The beginning of a day here. */
function startOf(day: string): Date {
  return new Date(`${day}T00:00:00`);
}
