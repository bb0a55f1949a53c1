/** The newest messages that hold what is written, a moment after the last key. */

import { useEffect, useState } from "react";
import type { Hit } from "../../protocol/api";
import { useClient } from "../hooks";

const WAIT_MS = 250;
const MOST = 5;

export interface Found {
  readonly hits: readonly Hit[];
  readonly isLoading: boolean;
}

const NOTHING: Found = { hits: [], isLoading: false };

export function useFound(words: string): Found {
  const { rest } = useClient();
  const [held, setHeld] = useState<{ readonly words: string; readonly hits: readonly Hit[] }>();
  const asked = words.trim().slice(0, 200);
  const isAsked = [...asked].length > 1 || /\p{Script=Han}/u.test(asked);
  useEffect(() => {
    if (!isAsked) return;
    const stop = new AbortController();
    const timer = window.setTimeout(() => {
      rest
        .call("GET /api/v1/search", { query: { q: asked, limit: MOST }, signal: stop.signal })
        .then((answer) => answer.hits)
        // What is found is an extra here; the page of the search says what went wrong.
        .catch((): readonly Hit[] => [])
        .then((hits) => {
          if (!stop.signal.aborted) setHeld({ words: asked, hits });
        });
    }, WAIT_MS);
    return () => {
      stop.abort();
      window.clearTimeout(timer);
    };
  }, [rest, asked, isAsked]);
  if (!isAsked) return NOTHING;
  return held?.words === asked ? { hits: held.hits, isLoading: false } : { hits: held?.hits ?? [], isLoading: true };
}
