/** A line of the server, read: what it is, or that it is of a newer server. */

import type { AnswerLine, Event, ServerLine, Signal } from "./wire";

/** An event of a kind that this version does not know: all that can be done with it is to count it. */
export interface UnknownEvent {
  readonly kind: "unknown";
  readonly room_id: string;
  readonly seq: number;
}

type Kinds = Readonly<
  Record<Event["type"], "event"> & Record<Signal["type"], "signal"> & Record<AnswerLine["type"], "answer">
>;

const KINDS: Kinds = {
  room_created: "event",
  room_renamed: "event",
  topic_set: "event",
  room_settings_set: "event",
  room_archived: "event",
  room_deleted: "event",
  member_joined: "event",
  member_left: "event",
  member_removed: "event",
  ban_lifted: "event",
  role_changed: "event",
  message_posted: "event",
  message_edited: "event",
  message_deleted: "event",
  attachment_changed: "event",
  reaction_added: "event",
  reaction_removed: "event",
  message_pinned: "event",
  message_unpinned: "event",
  turn_requested: "event",
  turn_collected: "event",
  turn_steered: "event",
  steering_taken: "event",
  model_changed: "event",
  turn_started: "event",
  turn_stop_requested: "event",
  turn_ended: "event",
  tool_called: "event",
  approval_requested: "event",
  approval_decided: "event",
  approval_expired: "event",
  tool_started: "event",
  tool_finished: "event",
  files_changed: "event",
  undo_requested: "event",
  turn_undone: "event",
  change_proposed: "event",
  proposal_decided: "event",
  answer_regenerated: "event",
  answer_chosen: "event",
  form_answered: "event",
  summary_updated: "event",
  fact_pinned: "event",
  fact_forgotten: "event",
  budget_set: "event",
  ai_delta: "signal",
  ai_text: "signal",
  ai_cards: "signal",
  ai_thinking: "signal",
  tool_output: "signal",
  job_output: "signal",
  typing: "signal",
  presence: "signal",
  turn_progress: "signal",
  transcript_progress: "signal",
  reset: "signal",
  server_draining: "signal",
  read_marked: "signal",
  room_added: "signal",
  room_removed: "signal",
  room_activity: "signal",
  session_expiring: "signal",
  closing: "signal",
  welcome: "answer",
  joined: "answer",
  accepted: "answer",
  refused: "answer",
  pong: "answer",
};

/** Reads one line as text. Undefined: no JSON, or nothing that `readLine` takes. */
export function parseLine(text: string): ServerLine | UnknownEvent | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  return readLine(body);
}

/** Reads one line. Undefined: no object, or of a kind that can be left out. What it holds is not looked at. */
export function readLine(body: unknown): ServerLine | UnknownEvent | undefined {
  if (!isObject(body)) return undefined;
  if (isServerLine(body)) return body;
  // An answer may have a seq too, and is no event of the log.
  const isCounted = typeof body.seq === "number" && typeof body.room_id === "string" && body.re === undefined;
  return isCounted ? { kind: "unknown", room_id: String(body.room_id), seq: Number(body.seq) } : undefined;
}

/** Whether the line stands in a room's log. */
export function isEvent(line: ServerLine | UnknownEvent): line is Event | UnknownEvent {
  return !("type" in line) || KINDS[line.type] === "event";
}

export function isSignal(line: ServerLine | UnknownEvent): line is Signal {
  return "type" in line && KINDS[line.type] === "signal";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// The server is ours: who names a known type is believed the rest.
function isServerLine(body: object): body is ServerLine {
  return "type" in body && typeof body.type === "string" && Object.hasOwn(KINDS, body.type);
}
