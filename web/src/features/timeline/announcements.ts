/** What a screen reader is told of AIs at work: that one writes, once, and how its answer begins, once. */

import type { Message, TurnState } from "../../protocol/wire";
import type { RoomState } from "../../room/state";
import { wordsOf } from "../plainWords";
import { cut } from "./beginning";

const SAID = 200;

export interface Sentences {
  readonly writes: (ai: string) => string;
  readonly answered: (ai: string, words: string) => string;
  readonly name: (accountId: string) => string;
}

/** Follows a room; what was there at first is not told. */
export class Announcements {
  private known: RoomState | undefined;

  /** The sentence that is new since the last call, if one. */
  next(state: RoomState, sentences: Sentences): string | undefined {
    const before = this.known;
    this.known = state;
    if (before === undefined || before === state) return undefined;
    const answers = answersAfter(state.messages, before.seq);
    if (answers.length > 0) {
      return answers
        .map((message) => sentences.answered(sentences.name(message.author_id), cut(wordsOf(message.text), SAID)))
        .join(" ");
    }
    const begun = begunSince(before.turns, state.turns);
    return begun.length === 0 ? undefined : begun.map((turn) => sentences.writes(sentences.name(turn.ai_id))).join(" ");
  }
}

function answersAfter(messages: readonly Message[], seq: number): readonly Message[] {
  const first = messages.findLastIndex((message) => message.seq <= seq);
  return messages
    .slice(first + 1)
    .filter((message) => message.turn_id !== undefined && message.deleted_at === undefined);
}

function begunSince(before: RoomState["turns"], now: RoomState["turns"]): readonly TurnState[] {
  return [...now.values()].filter((turn) => turn.fence > 0 && (before.get(turn.turn_id)?.fence ?? 0) === 0);
}
