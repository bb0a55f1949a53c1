/** Code in the colours of its language, once these are there. */

import { type ReactNode, useEffect, useMemo, useState } from "react";
import type { Piece } from "./colouring";
import { whenIdle } from "./idle";

interface Coloured {
  readonly text: string;
  readonly language: string;
  readonly pieces: readonly Piece[];
}

/** What colours is fetched in an idle moment: what is read goes before. Once it is there, rows that come back are coloured at once. */
let isFetched = false;

async function colouring() {
  if (!isFetched) await whenIdle();
  const part = await import("./colouring");
  isFetched = true;
  return part;
}

/** undefined: it is shown plain, as without a known language, or where its colours could not be fetched. */
export function useColoured(text: string, language: string | undefined): ReactNode {
  const [made, setMade] = useState<Coloured>();
  useEffect(() => {
    if (language === undefined) return;
    let isOver = false;
    colouring()
      .then((part) => (isOver ? undefined : part.colouredPieces(text, language)))
      .then(
        (pieces) => {
          if (!isOver && pieces !== undefined) setMade({ text, language, pieces });
        },
        // Colours are an ornament: without them the text is there all the same.
        () => undefined,
      );
    return () => {
      isOver = true;
    };
  }, [text, language]);
  const shown = made?.text === text && made.language === language ? made.pieces : undefined;
  return useMemo(() => shown?.map(drawn), [shown]);
}

function drawn({ at, text, colour }: Piece): ReactNode {
  if (colour === undefined) return text;
  return (
    <span key={at} className={colour}>
      {text}
    </span>
  );
}
