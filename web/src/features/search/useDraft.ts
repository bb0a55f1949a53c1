/** What is being written in a field until it is asked; what is asked elsewhere takes its place. */

import { useState } from "react";

/** `version`: another one when something else is asked, be it by a link or by going back. */
export function useDraft(asked: string, version: string = asked): readonly [string, (draft: string) => void] {
  const [draft, setDraft] = useState(asked);
  const [seen, setSeen] = useState(version);
  if (seen !== version) {
    setSeen(version);
    setDraft(asked);
  }
  return [draft, setDraft];
}
