/** Which names, files or commands fit what is being written at the caret, and which of them is marked. */

import { useMemo, useState } from "react";
import type { RoomClient } from "../../connection/types";
import { mayHere } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { matchingMentions, mentionAt, mentionables, type Written, withFile, withMention } from "../suggesting/mentions";
import { commandAt, matchingCommands, withCommand } from "../suggesting/slash";
import type { Suggestion } from "../suggesting/suggestion";
import { allowedCommands } from "./outcome";
import { defaultAi } from "./room";
import { useFileHits } from "./useFileHits";

export interface Suggesting {
  readonly kind: "mention" | "command" | undefined;
  readonly items: readonly Suggestion[];
  readonly chosen: number;
  readonly choose: (place: number) => void;
  /** Moves the mark, around the ends. */
  readonly move: (by: 1 | -1) => void;
  readonly take: (suggestion: Suggestion | undefined) => Written | undefined;
  /** Not again for what is being written now. */
  readonly close: () => void;
}

const NONE: readonly Suggestion[] = [];

export function useSuggestions(
  room: RoomClient,
  state: RoomState | undefined,
  meId: string,
  text: string,
  caret: number,
  isOn: boolean,
): Suggesting {
  const [mark, setMark] = useState<{ readonly of: string; readonly place: number }>({ of: "", place: 0 });
  const [closed, setClosed] = useState<string>();
  const place = useMemo(() => mentionAt(text, caret), [text, caret]);
  const begun = place === undefined ? commandAt(text, caret) : undefined;
  const at = place !== undefined ? `@${place.start}` : begun !== undefined ? "/" : undefined;
  const query = place?.query ?? begun;
  const isAsked = isOn && at !== undefined && at !== closed;
  const maySee = state !== undefined && mayHere(state, meId, "see_workspace");
  const files = useFileHits(room, isAsked && maySee ? place?.query : undefined);
  const items = useMemo((): readonly Suggestion[] => {
    if (!isAsked || state === undefined || query === undefined) return NONE;
    if (at === "/") {
      return matchingCommands(query, allowedCommands(state, meId)).map((command) => ({ kind: "command", command }));
    }
    const everyone = mentionables(state.members.values(), meId, state.online, defaultAi(state)?.account_id);
    return [
      ...matchingMentions(query, everyone).map((mention): Suggestion => ({ kind: "mention", mention })),
      ...files.map((file): Suggestion => ({ kind: "file", file })),
    ];
  }, [isAsked, state, meId, at, query, files]);
  // What was closed stays so only for the word it was closed in.
  if (closed !== undefined && at !== closed) setClosed(undefined);
  const of = `${at} ${query}`;
  const chosen = mark.of === of ? Math.min(mark.place, Math.max(0, items.length - 1)) : 0;
  return {
    kind: items.length === 0 ? undefined : at === "/" ? "command" : "mention",
    items,
    chosen,
    choose: (next) => setMark({ of, place: next }),
    move: (by) => setMark({ of, place: (chosen + by + items.length) % Math.max(1, items.length) }),
    take: (suggestion) => {
      if (suggestion === undefined) return undefined;
      if (suggestion.kind === "command") return withCommand(text, caret, suggestion.command);
      if (place === undefined) return undefined;
      return suggestion.kind === "file"
        ? withFile(text, place, caret, suggestion.file)
        : withMention(text, place, caret, suggestion.mention.handle);
    },
    close: () => setClosed(at),
  };
}
