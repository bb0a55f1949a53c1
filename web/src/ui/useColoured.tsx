/** Code in the colours of its language, once these are there. */

import { type ReactNode, useEffect, useState } from "react";
import type { Piece } from "./colouring";
import { whenIdle } from "./idle";

/** undefined: it is shown plain, as without a known language, or where its colours could not be fetched. */
export function useColoured(text: string, language: string | undefined): ReactNode {
  const [made, setMade] = useState<{ readonly text: string; readonly pieces: readonly Piece[] }>();
  useEffect(() => {
    if (language === undefined) return;
    let isOver = false;
    // An ornament: what is read goes before.
    whenIdle()
      .then(() => (isOver ? undefined : import("./colouring")))
      .then((part) => part?.colouredPieces(text, language))
      .then(
        (pieces) => {
          if (!isOver && pieces !== undefined) setMade({ text, pieces });
        },
        () => undefined,
      );
    return () => {
      isOver = true;
    };
  }, [text, language]);
  if (made?.text !== text) return undefined;
  return made.pieces.map((piece) =>
    piece.colour === undefined ? (
      piece.text
    ) : (
      <span key={piece.at} className={piece.colour}>
        {piece.text}
      </span>
    ),
  );
}
