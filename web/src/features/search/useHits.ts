/** The messages that were found, page after page; what the server cannot filter by is looked for in the pages here. */

import { useCallback, useEffect, useRef, useState } from "react";
import type { Client } from "../../connection/types";
import type { Hit } from "../../protocol/api";
import type { Member } from "../../protocol/wire";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { type Asked, idBefore } from "./asked";

const PAGE = 50;
/** With a filter of ours: so many pages are looked through at once for so many finds. */
const MOST_PAGES = 6;
const ENOUGH = 20;

export type Authors = ReadonlyMap<string, Member>;

export interface Hits {
  readonly hits: readonly Hit[];
  readonly authors: Authors;
  /** How many messages with these words were looked at. */
  readonly looked: number;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly refusal: string | undefined;
  readonly more: () => void;
}

interface Held {
  readonly key: string;
  readonly hits: readonly Hit[];
  readonly authors: Authors;
  readonly looked: number;
  readonly next: string | undefined;
  readonly hasMore: boolean;
  readonly refusal: string | undefined;
}

const NONE: Held = {
  key: "",
  hits: [],
  authors: new Map(),
  looked: 0,
  next: undefined,
  hasMore: false,
  refusal: undefined,
};

export function useHits(asked: Asked): Hits {
  const client = useClient();
  const [held, setHeld] = useState<Held>(NONE);
  const [isLoading, setLoading] = useState(false);
  const stop = useRef<AbortController>(undefined);
  const latest = useRef(asked);
  latest.current = asked;
  const key = asked.words === "" ? "" : JSON.stringify(asked);

  const load = useCallback(
    (from: Held) => {
      stop.current?.abort();
      const own = new AbortController();
      stop.current = own;
      setLoading(true);
      look(client, latest.current, from, own.signal)
        .catch((error: unknown): Held => ({ ...from, refusal: sentenceOf(error) }))
        .then((found) => {
          if (own.signal.aborted) return;
          setHeld(found);
          setLoading(false);
        });
    },
    [client],
  );

  useEffect(() => {
    setHeld({ ...NONE, key });
    if (key === "") return setLoading(false);
    load({ ...NONE, key });
    return () => stop.current?.abort();
  }, [key, load]);

  const isOurs = held.key === key;
  return {
    hits: isOurs ? held.hits : [],
    authors: held.authors,
    looked: isOurs ? held.looked : 0,
    hasMore: isOurs && held.hasMore,
    isLoading: isLoading || (key !== "" && !isOurs),
    refusal: isOurs ? held.refusal : undefined,
    more: useCallback(() => load(held), [load, held]),
  };
}

async function look(client: Client, asked: Asked, from: Held, signal: AbortSignal): Promise<Held> {
  let { next = asked.before === undefined ? undefined : idBefore(asked.before), hasMore } = from;
  const hits = [...from.hits];
  const authors = new Map(from.authors);
  let looked = from.looked;
  const enough = hits.length + ENOUGH;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer = await client.rest.call("GET /api/v1/search", {
      query: {
        q: asked.words.slice(0, 200),
        limit: PAGE,
        ...(asked.roomId === undefined ? {} : { room: asked.roomId }),
        ...(next === undefined ? {} : { before: next }),
      },
      signal,
    });
    await learn(client, answer.hits, authors, signal);
    hits.push(...answer.hits.filter((hit) => fits(hit, asked, authors, client.me.id)));
    looked += answer.hits.length;
    next = answer.hits.at(-1)?.message.id ?? next;
    hasMore = answer.hits.length === PAGE;
    if (!hasMore || hits.length >= enough) break;
  }
  return { key: from.key, hits, authors, looked, next, hasMore, refusal: undefined };
}

/** Who wrote them: rooms that are open know, the others are asked. */
async function learn(client: Client, hits: readonly Hit[], authors: Map<string, Member>, signal: AbortSignal) {
  const unknown = new Set(hits.filter((hit) => !authors.has(hit.message.author_id)).map((hit) => hit.room_id));
  const lists = await Promise.all(
    [...unknown].map((roomId) =>
      client.rest
        .call("GET /api/v1/rooms/{room_id}/members", { places: { room_id: roomId }, signal })
        .then((answer) => answer.members)
        // Names are an extra: a find without one is shown all the same.
        .catch((): readonly Member[] => []),
    ),
  );
  signal.throwIfAborted();
  for (const member of lists.flat()) authors.set(member.account_id, member);
}

export function fits(hit: Hit, asked: Asked, authors: Authors, meId: string): boolean {
  const { message } = hit;
  if (asked.hasFile && !message.attachments?.some((one) => one.state !== "removed")) return false;
  if (asked.from === undefined) return true;
  const wanted = asked.from.toLocaleLowerCase();
  if (wanted === "me") return message.author_id === meId;
  const author = authors.get(message.author_id);
  if (author === undefined) return false;
  return author.handle.toLowerCase() === wanted || author.display_name.toLocaleLowerCase().startsWith(wanted);
}
