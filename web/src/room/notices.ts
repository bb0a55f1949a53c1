/** What is told in the timeline in a line of its own, beside messages and calls. */

import type { Event } from "../protocol/wire";

/** The end of a turn is worth a line unless it is done; changed files unless a call tells of them. */
export function isNotice(event: Event): boolean {
  switch (event.type) {
    case "room_created":
    case "room_renamed":
    case "topic_set":
    case "room_settings_set":
    case "room_archived":
    case "member_joined":
    case "member_left":
    case "member_removed":
    case "ban_lifted":
    case "role_changed":
    case "message_pinned":
    case "model_changed":
    case "turn_undone":
    case "change_proposed":
    case "proposal_decided":
    case "fact_pinned":
    case "budget_set":
      return true;
    case "turn_ended":
      return event.outcome !== "done";
    case "files_changed":
      return event.call_id === undefined;
    case "summary_updated":
      return event.edited_by !== undefined;
    default:
      return false;
  }
}
