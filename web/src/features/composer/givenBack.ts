/** Words that were on their way and come back: into the field of their place, before what was written there since. */

import { readDraft, writeDraft } from "../preferences";

type Take = (words: string) => void;

const fields = new Map<string, Take>();

/** Where nobody writes there now, the draft has them. */
export function giveBack(place: string, words: string): void {
  const take = fields.get(place);
  if (take !== undefined) take(words);
  else writeDraft(place, before(words, readDraft(place)));
}

/** The field of this place takes what comes back. The result ends it. */
export function takeBack(place: string, take: Take): () => void {
  fields.set(place, take);
  return () => {
    if (fields.get(place) === take) fields.delete(place);
  };
}

export function before(words: string, since: string): string {
  return words === "" || since.trim() === "" ? words || since : `${words}\n${since}`;
}

export const placeOf = (roomId: string, threadRoot: string | undefined) =>
  threadRoot === undefined ? roomId : `${roomId}/${threadRoot}`;
