/** Which tool calls go with a deleted message: their words are taken out here when the server takes them out of its log. */

import type { RoomState, ToolCall } from "./state";

const emptied = new WeakMap<ToolCall, ToolCall>();

/**
 * Of a turn that a deleted message asked for, or whose answer is deleted, what tools were told and brought is empty. While
 * the turn goes on, what is not over stays: somebody may be about to approve it, or to stop it.
 */
export function emptiedBy(state: RoomState): (call: ToolCall) => ToolCall {
  const deleted = new Set<string>();
  const answered = new Set<string>();
  for (const message of state.messages) {
    if (message.deleted_at === undefined) continue;
    deleted.add(message.id);
    if (message.turn_id !== undefined) answered.add(message.turn_id);
  }
  // Of a message that is not here any more than its deletion.
  for (const event of state.missed) if (event.type === "message_deleted") deleted.add(event.message_id);
  if (deleted.size === 0) return (call) => call;
  return (call) => {
    const turn = state.turns.get(call.turnId);
    const ended = state.ended.get(call.turnId);
    if (turn !== undefined && call.finishedAt === undefined) return call;
    const isGone =
      answered.has(call.turnId) ||
      (ended?.messageId !== undefined && deleted.has(ended.messageId)) ||
      (turn ?? ended)?.messages.some((id) => deleted.has(id)) === true;
    return isGone ? withoutWords(call) : call;
  };
}

function withoutWords(call: ToolCall): ToolCall {
  const known = emptied.get(call);
  if (known !== undefined) return known;
  const bare: ToolCall = { ...call, arguments: "{}", text: "", isRedacted: true };
  emptied.set(call, bare);
  return bare;
}
