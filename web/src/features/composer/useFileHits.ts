/** Files that fit what is written after an `@`, once they are known. */

import { useEffect, useMemo, useState } from "react";
import type { RoomClient } from "../../connection/types";
import { useClient } from "../hooks";
import type { FileHit } from "../suggesting/suggestion";

interface Found {
  readonly query: string | undefined;
  readonly hits: readonly FileHit[];
}

const NONE: Found = { query: undefined, hits: [] };

export function useFileHits(room: RoomClient, query: string | undefined): readonly FileHit[] {
  const { rest } = useClient();
  const [found, setFound] = useState(NONE);
  useEffect(() => {
    if (query === undefined) return setFound(NONE);
    let isOver = false;
    import("../files/offering")
      .then(({ filesFor }) => filesFor(query, room, rest))
      .then(
        (hits) => !isOver && setFound({ query, hits }),
        // What finds them could not be fetched: names are offered all the same.
        () => {},
      );
    return () => {
      isOver = true;
    };
  }, [room, rest, query]);
  return useMemo(() => {
    if (query === undefined) return NONE.hits;
    if (query === found.query) return found.hits;
    // Until the next ones are there those stay that surely fit, so that the list does not blink.
    const wanted = query.toLowerCase();
    return found.hits.filter(({ path }) => path.toLowerCase().includes(wanted));
  }, [found, query]);
}
