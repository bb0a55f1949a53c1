/** What this reader may do with a message, and the address of its thread. */

import type { Message } from "../../protocol/wire";
import { isClosed, mayHere, mayRegenerate } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";

export interface MessageRights {
  readonly reply: boolean;
  readonly react: boolean;
  readonly edit: boolean;
  readonly delete: boolean;
  readonly pin: boolean;
  readonly regenerate: boolean;
}

export function messageRights(state: RoomState, meId: string, message: Message): MessageRights {
  const isLive = message.deleted_at === undefined && !isClosed(state);
  const isOwn = message.author_id === meId;
  const mayOwn = isOwn && mayHere(state, meId, "edit_own");
  return {
    reply: isLive && mayHere(state, meId, "post"),
    react: isLive && mayHere(state, meId, "react"),
    edit: isLive && mayOwn,
    delete: isLive && (mayOwn || mayHere(state, meId, "delete_any")),
    pin: isLive && mayHere(state, meId, "pin"),
    regenerate: mayRegenerate(state, meId, message),
  };
}

const sameRights = (one: MessageRights | undefined, other: MessageRights | undefined) =>
  JSON.stringify(one) === JSON.stringify(other);

export function useMessageRights(message: Message): MessageRights | undefined {
  const { room, meId } = useHere();
  return useRoomState(room, (state) => messageRights(state, meId, message), sameRights);
}

export function threadAddress(roomId: string, message: Message): string {
  return `/r/${roomId}/t/${message.thread_root ?? message.id}`;
}
