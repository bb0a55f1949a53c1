/** The messages that were found, page after page. */

import { useCallback, useEffect, useRef, useState } from "react";
import type { Client } from "../../connection/types";
import type { Author, Hit } from "../../protocol/api";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { type Asked, type Query, queryOf } from "./asked";

const PAGE = 50;

export type Authors = ReadonlyMap<string, Author>;

export interface Hits {
  readonly hits: readonly Hit[];
  readonly authors: Authors;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly refusal: string | undefined;
  readonly more: () => void;
}

interface Held {
  readonly key: string;
  readonly hits: readonly Hit[];
  readonly authors: Authors;
  readonly hasMore: boolean;
  readonly refusal: string | undefined;
}

const NONE: Held = { key: "", hits: [], authors: new Map(), hasMore: false, refusal: undefined };

export function useHits(asked: Asked): Hits {
  const client = useClient();
  const [held, setHeld] = useState<Held>(NONE);
  const [isLoading, setLoading] = useState(false);
  const stop = useRef<AbortController>(undefined);
  const query = queryOf(asked);
  const latest = useRef(query);
  latest.current = query;
  const key = query === undefined ? "" : JSON.stringify(query);

  const load = useCallback(
    (from: Held) => {
      if (latest.current === undefined) return;
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
    hasMore: isOurs && held.hasMore,
    isLoading: isLoading || (key !== "" && !isOurs),
    refusal: isOurs ? held.refusal : undefined,
    more: useCallback(() => load(held), [load, held]),
  };
}

async function look(client: Client, query: Query, from: Held, signal: AbortSignal): Promise<Held> {
  const before = from.hits.at(-1)?.message.id;
  const answer = await client.rest.call("GET /api/v1/search", {
    query: { ...query, limit: PAGE, ...(before === undefined ? {} : { before }) },
    signal,
  });
  const authors = new Map(from.authors);
  for (const author of answer.authors ?? []) authors.set(author.account_id, author);
  return {
    key: from.key,
    hits: [...from.hits, ...answer.hits],
    authors,
    hasMore: answer.hits.length === PAGE,
    refusal: undefined,
  };
}
