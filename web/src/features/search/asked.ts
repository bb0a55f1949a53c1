/** What is searched for, as its address says it; and the filters that may be written among the words. */

export interface Asked {
  readonly words: string;
  readonly roomId: string | undefined;
  /** A handle or a name, or `me`. */
  readonly from: string | undefined;
  readonly hasFile: boolean;
  /** A day, as 2026-11-22: only what was said before it. */
  readonly before: string | undefined;
}

export function fromAddress(query: string): Asked {
  const params = new URLSearchParams(query);
  const said = (name: string) => params.get(name)?.trim() || undefined;
  return withFilters({
    words: params.get("q") ?? "",
    roomId: said("room"),
    from: said("from"),
    hasFile: params.get("has") === "file",
    before: dayOf(said("before")),
  });
}

export function toAddress(asked: Asked): string {
  const params = new URLSearchParams();
  if (asked.words !== "") params.set("q", asked.words);
  if (asked.roomId !== undefined) params.set("room", asked.roomId);
  if (asked.from !== undefined) params.set("from", asked.from);
  if (asked.hasFile) params.set("has", "file");
  if (asked.before !== undefined) params.set("before", asked.before);
  const query = params.toString();
  return query === "" ? "/search" : `/search?${query}`;
}

/** Takes `from:mei`, `has:file` and `before:2026-11-22` out of the words. What has no meaning stays a word. */
export function withFilters(asked: Asked): Asked {
  let { from, hasFile, before } = asked;
  const words: string[] = [];
  for (const word of asked.words.split(/\s+/).filter((one) => one !== "")) {
    const [, name = "", value = ""] = /^(from|has|before)[:：](.+)$/i.exec(word) ?? [];
    const day = dayOf(value);
    if (name.toLowerCase() === "from") from = value.replace(/^[@＠]/, "");
    else if (name.toLowerCase() === "has" && value.toLowerCase() === "file") hasFile = true;
    else if (name.toLowerCase() === "before" && day !== undefined) before = day;
    else words.push(word);
  }
  return { ...asked, words: words.join(" "), from, hasFile, before };
}

function dayOf(text: string | undefined): string | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  return Number.isNaN(startOf(text)) ? undefined : text;
}

/** Milliseconds of the beginning of a day here. */
function startOf(day: string): number {
  return new Date(`${day}T00:00:00`).getTime();
}

const SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The id before which all messages are older than the day: ids begin with the time, and are in its order. */
export function idBefore(day: string): string {
  let left = Math.max(0, startOf(day));
  let time = "";
  for (let place = 0; place < 10; place++) {
    time = (SIGNS[left % 32] ?? "0") + time;
    left = Math.floor(left / 32);
  }
  return time + "0".repeat(16);
}
