/** Who may do what. Made by `python -m multiplayer.rooms.rights_typescript`; change multiplayer/rooms/ instead. */

import type { Decider, Role, ToolClass } from "./wire";

export type Right =
  | "read"
  | "post"
  | "edit_own"
  | "delete_any"
  | "react"
  | "pin"
  | "attach"
  | "mark_read"
  | "invite"
  | "remove"
  | "change_role"
  | "hand_over"
  | "rename"
  | "settings"
  | "archive"
  | "export"
  | "ask_ai"
  | "stop_turn"
  | "steer_turn"
  | "choose_ai"
  | "approve"
  | "see_workspace"
  | "change_workspace"
  | "edit_summary"
  | "set_budgets"
  | "see_usage"
  | "read_audit"
  | "webhooks";

export type Grant = "yes" | "no" | "lower" | "lower_up_to_member" | "own" | "by_class";

/** A switch of the room's settings that decides a cell. */
export type Switch = "guests_post" | "members_invite" | "guests_ask_ai" | "guests_see_workspace";

export type Cell = Grant | { readonly if: Switch };

/** What a switch is where the settings do not say. */
export const SWITCHES: Readonly<Record<Switch, boolean>> = {
  guests_post: false,
  members_invite: false,
  guests_ask_ai: false,
  guests_see_workspace: false,
};

/** Higher acts on lower. */
export const RANKS: Readonly<Record<Role, number>> = {
  owner: 4,
  admin: 3,
  member: 2,
  guest: 1,
  ai: 0,
};

export const RIGHTS: Readonly<Record<Right, Readonly<Record<Role, Cell>>>> = {
  /** read the room, its history and files */
  read: { owner: "yes", admin: "yes", member: "yes", guest: "yes", ai: "yes" },
  /** post, reply */
  post: { owner: "yes", admin: "yes", member: "yes", guest: { if: "guests_post" }, ai: "yes" },
  /** edit or delete your own message */
  edit_own: { owner: "yes", admin: "yes", member: "yes", guest: { if: "guests_post" }, ai: "no" },
  /** delete anyone's message */
  delete_any: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** react */
  react: { owner: "yes", admin: "yes", member: "yes", guest: "yes", ai: "yes" },
  /** pin */
  pin: { owner: "yes", admin: "yes", member: "yes", guest: "no", ai: "no" },
  /** attach files */
  attach: { owner: "yes", admin: "yes", member: "yes", guest: "no", ai: "yes" },
  /** mark read, typing */
  mark_read: { owner: "yes", admin: "yes", member: "yes", guest: "yes", ai: "no" },
  /** invite */
  invite: { owner: "yes", admin: "yes", member: { if: "members_invite" }, guest: "no", ai: "no" },
  /** remove or ban a member */
  remove: { owner: "yes", admin: "lower", member: "no", guest: "no", ai: "no" },
  /** change a role */
  change_role: { owner: "yes", admin: "lower_up_to_member", member: "no", guest: "no", ai: "no" },
  /** hand over ownership */
  hand_over: { owner: "yes", admin: "no", member: "no", guest: "no", ai: "no" },
  /** rename, topic */
  rename: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** change the room's settings */
  settings: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** archive or delete the room */
  archive: { owner: "yes", admin: "no", member: "no", guest: "no", ai: "no" },
  /** export */
  export: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** ask the AI */
  ask_ai: { owner: "yes", admin: "yes", member: "yes", guest: { if: "guests_ask_ai" }, ai: "no" },
  /** stop a turn */
  stop_turn: { owner: "yes", admin: "yes", member: "own", guest: "own", ai: "no" },
  /** steer, regenerate or undo a turn */
  steer_turn: { owner: "yes", admin: "yes", member: "own", guest: "no", ai: "no" },
  /** choose AI members, model, persona, triggers */
  choose_ai: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** approve a tool call */
  approve: { owner: "by_class", admin: "by_class", member: "by_class", guest: "no", ai: "no" },
  /** see the workspace */
  see_workspace: { owner: "yes", admin: "yes", member: "yes", guest: { if: "guests_see_workspace" }, ai: "yes" },
  /** change workspace files by hand */
  change_workspace: { owner: "yes", admin: "yes", member: "yes", guest: "no", ai: "no" },
  /** edit the summary, pin or forget facts */
  edit_summary: { owner: "yes", admin: "yes", member: "yes", guest: "no", ai: "no" },
  /** set budgets */
  set_budgets: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** see usage and cost */
  see_usage: { owner: "yes", admin: "yes", member: "yes", guest: "no", ai: "no" },
  /** read the audit trail */
  read_audit: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  /** webhooks and bot tokens of the room */
  webhooks: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
};

/** Who approves or rejects a call: `own` is who asked for it. */
export const DECIDES: Readonly<Record<Decider, Readonly<Record<Role, "yes" | "own" | "no">>>> = {
  admin: { owner: "yes", admin: "yes", member: "no", guest: "no", ai: "no" },
  asker: { owner: "yes", admin: "yes", member: "own", guest: "no", ai: "no" },
};

/** Classes of calls that a room may let run for some time without being asked one by one. */
export const STANDING_FOR: readonly ToolClass[] = ["write", "sensitive_write", "terminal", "extended", "network"];
