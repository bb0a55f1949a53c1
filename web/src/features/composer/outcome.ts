/** What a command of the composer comes to: something to ask the room, to post, to open, or why it cannot be. */

import type { Asked } from "../../connection/types";
import type { Member } from "../../protocol/wire";
import { highestRoleGivenBy, isClosed, mayHere, mayRegenerate, mayUndo } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { COMMANDS, type SlashCommand, type SlashName } from "../suggesting/slash";
import { defaultAi, queueing, stoppable, whyClosed } from "./room";

export type Pane = "context" | "members" | "files" | "usage";

export type Problem =
  | "noWords"
  | "noAi"
  | "nothingToStop"
  | "nothingToSteer"
  | "nothingToQueue"
  | "nothingToRepeat"
  | "nothingToUndo";

export type Outcome =
  | { readonly kind: "ask"; readonly asked: Asked }
  | { readonly kind: "post"; readonly text: string }
  | { readonly kind: "pane"; readonly pane: Pane | "catch-up" }
  | { readonly kind: "search"; readonly words: string }
  | { readonly kind: "cost"; readonly text: string }
  | { readonly kind: "leave" }
  | { readonly kind: "help" }
  | { readonly kind: "problem"; readonly problem: Problem };

const problem = (which: Problem): Outcome => ({ kind: "problem", problem: which });
const ask = (asked: Asked): Outcome => ({ kind: "ask", asked });

export function outcomeOf(command: SlashCommand, rest: string, state: RoomState, meId: string): Outcome {
  if (command.words === "required" && rest === "") return problem("noWords");
  switch (command.name) {
    case "ask":
      return asking(rest, state);
    case "stop": {
      const turn = stoppable(state, meId);
      return turn === undefined ? problem("nothingToStop") : ask({ type: "stop_turn", turn_id: turn.turn_id });
    }
    case "steer": {
      const way = queueing(state, meId);
      if (way?.kind !== "steer") return problem("nothingToSteer");
      return ask({ type: "steer_turn", turn_id: way.turn.turn_id, text: rest });
    }
    case "queue": {
      const way = queueing(state, meId);
      const ai = way === undefined ? undefined : state.members.get(way.turn.ai_id);
      return ai === undefined ? problem("nothingToQueue") : { kind: "post", text: addressed(rest, ai) };
    }
    case "again": {
      const answer = state.messages.findLast((message) => mayRegenerate(state, meId, message));
      if (answer === undefined) return problem("nothingToRepeat");
      return ask({ type: "regenerate_answer", message_id: answer.id });
    }
    case "undo": {
      const turnId = lastUndoable(state, meId);
      return turnId === undefined ? problem("nothingToUndo") : ask({ type: "undo_turn", turn_id: turnId });
    }
    case "invite":
      if (rest === "") return { kind: "pane", pane: "members" };
      return ask({ type: "invite_member", handle: rest.replace(/^@/, ""), role: "member" });
    case "rename":
      return ask({ type: "rename_room", name: rest });
    case "topic":
      return ask({ type: "set_topic", topic: rest });
    case "pin-fact":
      return ask({ type: "pin_fact", text: rest });
    case "cost":
      return { kind: "cost", text: rest };
    case "summary":
      return { kind: "pane", pane: "context" };
    case "catch-up":
    case "members":
    case "files":
    case "usage":
      return { kind: "pane", pane: command.name };
    case "search":
      return { kind: "search", words: rest };
    case "leave":
    case "help":
      return { kind: command.name };
  }
}

function asking(rest: string, state: RoomState): Outcome {
  const [, handle = "", words = ""] = /^@(\S+)\s*([\s\S]*)$/.exec(rest) ?? [];
  const named = [...state.members.values()].find(
    (member) => member.kind === "ai" && member.handle.toLowerCase() === handle.toLowerCase(),
  );
  const ai = named ?? defaultAi(state);
  if (ai === undefined) return problem("noAi");
  const text = named === undefined ? rest : words;
  if (text === "") return ask({ type: "ask_ai", ai_id: ai.account_id });
  return { kind: "post", text: addressed(text, ai) };
}

/** The words with the AI's name before them, unless they name it already. */
export function addressed(text: string, ai: Member): string {
  const names = new RegExp(`@${ai.handle.replace(/[.\\-]/g, "\\$&")}(?![A-Za-z0-9_])`, "i");
  return names.test(text) ? text : `@${ai.handle} ${text}`;
}

function lastUndoable(state: RoomState, meId: string): string | undefined {
  const calls = [...state.calls.values()].filter((call) => call.changed !== undefined);
  calls.sort((one, other) => other.seq - one.seq);
  return calls.find((call) => mayUndo(state, meId, call.turnId))?.turnId;
}

/** The commands that this member could carry out here now. */
export function allowedCommands(state: RoomState, meId: string): readonly SlashCommand[] {
  const role = state.members.get(meId)?.role;
  const isOpen = !isClosed(state);
  const isNamed = state.room.kind === "room";
  const has = (right: Parameters<typeof mayHere>[2]) => isOpen && mayHere(state, meId, right);
  const rules: Partial<Record<SlashName, boolean>> = {
    ask: has("ask_ai") && defaultAi(state) !== undefined && whyClosed(state, meId) === undefined,
    stop: stoppable(state, meId) !== undefined,
    steer: queueing(state, meId)?.kind === "steer",
    queue: queueing(state, meId) !== undefined,
    again: state.messages.some((message) => mayRegenerate(state, meId, message)),
    undo: lastUndoable(state, meId) !== undefined,
    cost: has("ask_ai") && defaultAi(state) !== undefined,
    invite:
      isOpen && isNamed && role !== undefined && highestRoleGivenBy(role, state.room.settings, true) !== undefined,
    rename: isNamed && has("rename"),
    topic: has("rename"),
    "pin-fact": has("edit_summary"),
    files: mayHere(state, meId, "see_workspace"),
    usage: mayHere(state, meId, "see_usage"),
    leave: isNamed,
  };
  return COMMANDS.filter((command) => rules[command.name] !== false);
}
