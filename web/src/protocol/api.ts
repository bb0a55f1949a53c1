// Made by `python -m multiplayer.transports.typescript`; change multiplayer/transports/ instead.
/** Signed in: `code` alone. Otherwise also `handle` and `password`, of the account this makes. */
export interface Acceptance {
  readonly code: string;
  readonly handle?: string;
  readonly password?: string;
  readonly display_name?: string;
  readonly cookie?: boolean;
}

/** Who someone is on this server. The id is stable, the display name is not. */
export interface Account {
  readonly id: string;
  readonly kind: AccountKind;
  readonly handle: string;
  readonly display_name: string;
  readonly is_operator: boolean;
}

export type AccountKind = "human" | "bot" | "ai";

export interface AccountList {
  readonly accounts: readonly AccountView[];
}

export interface AccountView {
  readonly account: Account;
  readonly disabled: boolean;
}

export interface AddReaction {
  readonly type: "add_reaction";
  readonly message_id: string;
  readonly emoji: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** An AI account of this server. `model` empty: what the provider's own is; `answers_with`: what answers now. */
export interface AiOffer {
  readonly account_id: string;
  readonly handle: string;
  readonly name: string;
  readonly provider: Provider;
  readonly model?: string;
  readonly answers_with?: string;
  readonly is_demo: boolean;
  readonly can_answer: boolean;
}

export interface AiOffers {
  readonly ais: readonly AiOffer[];
}

/** What makes an AI account. Empty fields mean: what the provider's own defaults are. */
export interface AiProfile {
  readonly handle: string;
  readonly name: string;
  readonly provider: Provider;
  readonly model?: string;
  readonly base_url?: string;
  readonly context_tokens?: number;
  readonly max_output_tokens?: number;
  readonly persona?: string;
  readonly tools?: readonly string[];
  readonly price?: ProfilePrice;
  readonly fallbacks?: readonly string[];
  readonly nlweb?: NlwebOptions;
  readonly allows_plain_http: boolean;
}

export interface Alive {
  readonly status: "ok";
}

/** One of several answers that an AI gave to the same request. */
export interface Answer {
  readonly turn_id: string;
  readonly at: string;
  readonly text: string;
  readonly cards?: readonly Card[];
  readonly form?: Form;
  readonly taint?: readonly Taint[];
}

/** Fills in a form that an AI gave to the room; the AI goes on with the answers. */
export interface AnswerForm {
  readonly type: "answer_form";
  readonly message_id: string;
  readonly answers: readonly FormAnswer[];
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** How a room has tool calls approved. Everything but the standing rules and `members_confirm` only tightens. */
export interface ApprovalPolicy {
  readonly approvers: number;
  readonly not_asker: boolean;
  readonly asks_before_writes: boolean;
  readonly admins_confirm: boolean;
  readonly members_confirm: boolean;
  readonly expires_s: number;
  readonly standing?: readonly StandingRule[];
}

/** An archived room can be read, not written; `is_archived` false opens it again. */
export interface ArchiveRoom {
  readonly type: "archive_room";
  readonly is_archived?: boolean;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Asks an AI for a turn without writing a message. Without `ai_id`: the room's default AI. */
export interface AskAi {
  readonly type: "ask_ai";
  readonly ai_id?: string;
  readonly message_id?: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface AskContents {
  readonly sha256s: readonly string[];
}

/** Have a recording written down (again), where that failed, was stopped, or never began. The message's author, or who may delete anybody's message. */
export interface AskTranscript {
  readonly type: "ask_transcript";
  readonly message_id: string;
  readonly attachment_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** A file of a message, as it stands. `content_type` is found by its content; empty until it is ready. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly state: AttachmentState;
  readonly reason?: string;
  readonly content_type?: string;
  readonly family: FileFamily;
  readonly width: number;
  readonly height: number;
  readonly pages: number;
  readonly has_thumbnail: boolean;
  readonly has_text: boolean;
  readonly is_inline_safe: boolean;
  readonly transcript?: Transcript;
}

/** `ready` is only what lies in the store whole, with the checksum that its bytes have. */
export type AttachmentState = "pending" | "ready" | "failed" | "removed";

/** Oldest first. Ask on with `after` = the last number; an empty page is the end. */
export interface AuditPage {
  readonly entries: readonly AuditView[];
}

export interface AuditQuery {
  readonly after?: number;
  readonly limit?: number;
}

/** `hash` (hex) is over this entry and the hash before it. Without an `actor_id`: the command line or the server. */
export interface AuditView {
  readonly number: number;
  readonly at: string;
  readonly actor_id: string | null;
  readonly origin: string;
  readonly action: string;
  readonly subject: string;
  readonly before: string;
  readonly after: string;
  readonly hash: string;
}

export interface Author {
  readonly account_id: string;
  readonly kind: AccountKind;
  readonly handle: string;
  readonly display_name: string;
}

/** What is asked to begin an upload. With `sha256` a file that the uploader can read already is not sent again. */
export interface BeginUpload {
  readonly name: string;
  readonly size: number;
  readonly sha256?: string;
}

/** What may be used in all, and by each person who asks. Of several caps the most restrictive wins. */
export interface Budget {
  readonly total: Caps;
  readonly per_asker: Caps;
}

/** Whose cap it is. */
export type BudgetScope = "server" | "asker" | "room" | "room_asker";

/** What one tool call changed, for whom and with whose approval. */
export interface CallChanges {
  readonly seq: number;
  readonly at: string;
  readonly call_id?: string;
  readonly asked_by?: readonly string[];
  readonly approved_by?: readonly string[];
  readonly changes?: readonly FileChange[];
  readonly more: number;
  readonly before: string;
  readonly after: string;
  readonly taint?: readonly Taint[];
}

/** One cap with what of it is used; `used` counts what is reserved by calls that still run. */
export interface CapState {
  readonly scope: BudgetScope;
  readonly period: Period;
  readonly unit: Unit;
  readonly cap: number;
  readonly used: number;
}

/** None: no cap of this kind. A day and a month are those of UTC. */
export interface Caps {
  readonly tokens_per_day?: number;
  readonly tokens_per_month?: number;
  readonly micros_per_day?: number;
  readonly micros_per_month?: number;
}

/** One thing that was found, with where it comes from. All of it is what a site says, never an instruction. */
export interface Card {
  readonly title: string;
  readonly url?: string;
  readonly site?: string;
  readonly text?: string;
  readonly score?: number;
  readonly sources?: readonly string[];
}

/** What was said after `after_seq` and up to `up_to_seq`. `was_cut`: what was before `from_seq` is left out. `messages` counts those of people that are not deleted, `answers` those of AIs; `mentions` are the latest that name the reader, newest first. `points` are made from the messages' own sentences, each with where it was said. */
export interface CatchUp {
  readonly after_seq: number;
  readonly from_seq: number;
  readonly up_to_seq: number;
  readonly was_cut: boolean;
  readonly messages: number;
  readonly answers: number;
  readonly people?: readonly string[];
  readonly mentions?: readonly Mention[];
  readonly points?: readonly SummaryPoint[];
  readonly method: string;
  readonly taint?: readonly Taint[];
}

export interface CatchUpQuery {
  readonly after_seq?: number;
}

/** A turn that a message asked for, joined or steered (`how`), and what became of it. */
export interface CausedTurn {
  readonly turn_id: string;
  readonly ai_id: string;
  readonly how: string;
  readonly reason: TurnReason;
  readonly rule_id?: string;
  readonly state: string;
  readonly ended_because?: string;
  readonly message_id?: string;
}

export type ChangeKind = "added" | "changed" | "removed";

/** Each path is decided by itself: what conflicts is left as it is, the others are changed, as one change. */
export interface ChangePaths {
  readonly changes: readonly (WritePath | RemovePath)[];
}

/** The whole profile as it is to be, and the version that was read before: another one by now is a conflict. */
export interface ChangedProfile {
  readonly profile: AiProfile;
  readonly version: number;
}

/** Makes one of several answers the one that stands; `index` counts `alternatives` from 0. */
export interface ChooseAnswer {
  readonly type: "choose_answer";
  readonly message_id: string;
  readonly index: number;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface CodeBody {
  readonly code: string;
}

/** The first event of the command; empty for what causes none (`mark_read`, `set_typing`). */
export interface Committed {
  readonly seq?: number;
  readonly event_id?: string;
}

/** A tool of an outside server (MCP) that the room has agreed to, as it was defined then and where it came from. */
export interface Consent {
  readonly server: string;
  readonly tool: string;
  readonly sha256: string;
}

/** A content that was sent. It waits for a change that names it, for a day. */
export interface ContentTaken {
  readonly sha256: string;
  readonly size: number;
}

/** What the prompt would hold. `tokens` of `budget_tokens`, by part in `share`; the rest of the budget is free. The oldest messages are folded into the summary when `recent_tokens` pass `summarise_at`. */
export interface ContextPreview {
  readonly ai_id: string;
  readonly model: string;
  readonly persona: string;
  readonly budget_tokens: number;
  readonly model_tokens: number;
  readonly tokens: number;
  readonly share: Share;
  readonly recent_tokens: number;
  readonly summarise_at: number;
  readonly summary_version?: number;
  readonly from_seq: number;
  readonly up_to_seq: number;
  readonly messages?: readonly UsedMessage[];
  readonly left_out: number;
  readonly facts?: readonly string[];
  readonly pins?: readonly string[];
  readonly tools?: readonly string[];
  readonly taint?: readonly Taint[];
  readonly conversation?: UsedConversation;
}

export interface ContextQuery {
  readonly ai?: string;
}

/** A place in a room's log: `seq` in the history `epoch`. */
export interface Cursor {
  readonly epoch: string;
  readonly seq: number;
}

/** Approves a tool call or rejects it. `sha256` is that of the card: what was read is what is approved. */
export interface DecideApproval {
  readonly type: "decide_approval";
  readonly turn_id: string;
  readonly call_id: string;
  readonly sha256: string;
  readonly is_approved: boolean;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Takes what an AI proposes to remember or to forget, or drops it. */
export interface DecideProposal {
  readonly type: "decide_proposal";
  readonly proposal_id: string;
  readonly is_accepted: boolean;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Leaves a tombstone. The text is gone from history, search and the log. */
export interface DeleteMessage {
  readonly type: "delete_message";
  readonly message_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface DeleteQuery {
  readonly path: string;
  readonly recursive?: boolean;
}

/** The room is gone for everyone, at once. */
export interface DeleteRoom {
  readonly type: "delete_room";
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** `before` and `after` of a `files_changed` event, or of two; `path` as it names it, else all that differs. */
export interface DiffQuery {
  readonly before: string;
  readonly after: string;
  readonly path?: string;
}

export interface DownloadQuery {
  readonly inline?: boolean;
}

/** `messages`: how many were judged, from `from_seq` to `up_to_seq`. `firings`: the latest, oldest first. `was_cut`: there were more firings than are told, or it took too long, and `up_to_seq` is how far it came: ask on from there. `is_exact` False: it began in the middle of the log, or where the reader's begins; cooldowns and counts begin anew there. */
export interface DryRun {
  readonly from_seq: number;
  readonly up_to_seq: number;
  readonly messages: number;
  readonly rules: readonly RuleCount[];
  readonly firings?: readonly Firing[];
  readonly was_cut: boolean;
  readonly is_exact: boolean;
}

export interface DryRunBody {
  readonly triggers: readonly (MentionRule | ReplyRule | ThreadRule | KeywordRule | EveryRule | ScheduleRule | WebhookRule)[];
  readonly since?: number;
}

export interface EditMessage {
  readonly type: "edit_message";
  readonly message_id: string;
  readonly text: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Replaces the points of summary `version`, which must be the newest. What a person changed stays as it is said. */
export interface EditSummary {
  readonly type: "edit_summary";
  readonly version: number;
  readonly points: readonly PointEdit[];
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Write what is said in a recording: the message's author. Not while somebody listens to it. */
export interface EditTranscript {
  readonly type: "edit_transcript";
  readonly message_id: string;
  readonly attachment_id: string;
  readonly text: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** A room of which the person is a member. */
export interface ErasedRoom {
  readonly room_id: string;
  readonly name: string;
  readonly kind: RoomKind;
  readonly fate: RoomFate;
  readonly heir?: string;
}

/** An erasure and how far it is. The account is disabled from the request on, for good. */
export interface Erasure {
  readonly id: string;
  readonly account_id: string;
  readonly stage: ErasureStage;
  readonly handle: string;
  readonly requested_at: string;
  readonly requested_by?: string;
  readonly started_at?: string;
  readonly done_at?: string;
  readonly rooms: number;
  readonly rooms_done: number;
  readonly messages: number;
  readonly messages_done: number;
  readonly files_waiting: number;
  readonly problem?: string;
}

/** What there is of a person, in all rooms: archived ones, direct ones, those they have left, and deleted ones. */
export interface ErasureCounts {
  readonly messages: number;
  readonly answers: number;
  readonly files: number;
  readonly bytes: number;
  readonly uploads: number;
  readonly transcripts: number;
  readonly facts: number;
  readonly points: number;
  readonly proposals: number;
  readonly forms: number;
  readonly reactions: number;
  readonly rules: number;
  readonly hooks: number;
  readonly memberships: number;
  readonly rooms: number;
  readonly tokens: number;
  readonly sign_ins: number;
  readonly invites: number;
}

/** There is no way back, so it names whom it means once more. */
export interface ErasureOrder {
  readonly handle: string;
  readonly hand_over?: boolean;
}

/** Nothing of this is done yet. While a room is in `held_by`, it is refused unless ownership is handed over. */
export interface ErasurePreview {
  readonly account_id: string;
  readonly handle: string;
  readonly display_name: string;
  readonly counts: ErasureCounts;
  readonly rooms?: readonly ErasedRoom[];
  readonly held_by?: readonly ErasedRoom[];
}

export interface ErasureQuery {
  readonly preview?: boolean;
}

/** `preview` where it was asked for; `erasure` where there is one. */
export interface ErasureReport {
  readonly preview?: ErasurePreview;
  readonly erasure?: Erasure;
}

export type ErasureStage = "requested" | "running" | "done";

/** What a request would cost at most, before it is sent. `breach` says which cap it would break, if one. */
export interface Estimate {
  readonly ai_id: string;
  readonly model: string;
  readonly tokens_in: number;
  readonly tokens_out_at_most: number;
  readonly cost_micros_at_most?: number;
  readonly currency: string;
  readonly breach?: string;
  readonly caps?: readonly CapState[];
}

export interface EstimateBody {
  readonly text?: string;
  readonly ai_id?: string;
}

export interface EventsQuery {
  readonly after?: string;
  readonly limit?: number;
}

/** Every so many messages that people wrote; 1: each of them, as in a room of one person and an AI. */
export interface EveryRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly type: "every";
  readonly messages: number;
}

/** `is_exact` False: what was said far before was not looked at, or may not be read by who asks. */
export interface Explanation {
  readonly message_id: string;
  readonly verdicts?: readonly RuleVerdict[];
  readonly turns?: readonly CausedTurn[];
  readonly is_exact: boolean;
}

/** Something the room's AIs always know. It comes from a message, or from whoever pinned it. */
export interface Fact {
  readonly id: string;
  readonly text: string;
  readonly by: string;
  readonly at: string;
  readonly message_id?: string;
  readonly taint?: readonly Taint[];
}

export interface FactList {
  readonly facts?: readonly Fact[];
}

/** One path of the workspace that is not as it was. The digests are of its content; a folder or link has none. */
export interface FileChange {
  readonly path: string;
  readonly kind: ChangeKind;
  readonly before?: string;
  readonly after?: string;
  readonly added_lines: number;
  readonly removed_lines: number;
  readonly is_text: boolean;
}

/** What one may do with a file; found by its content, never by its name. */
export type FileFamily = "image" | "audio" | "video" | "pdf" | "office" | "text" | "archive" | "other";

/** Files of a room's messages, the newest first. `next_before`: ask for the rest with it; None: that is all. */
export interface FileListing {
  readonly files: readonly RoomFile[];
  readonly next_before?: number;
}

export interface FileQuery {
  readonly path: string;
}

export interface Firing {
  readonly message_id: string;
  readonly seq: number;
  readonly rule_id: string;
  readonly ai_id: string;
  readonly reason: TurnReason;
}

export interface FolderQuery {
  readonly path?: string;
}

export interface ForgetFact {
  readonly type: "forget_fact";
  readonly fact_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** What a room's rule removed at one look. `size`: bytes of its files. */
export interface Forgotten {
  readonly at: string;
  readonly messages: number;
  readonly files: number;
  readonly size: number;
}

/** Questions to the room. Whoever may ask the AI may answer, once; the answers become its next request. */
export interface Form {
  readonly text?: string;
  readonly questions: readonly Question[];
  readonly answers?: readonly FormAnswer[];
  readonly answered_by?: string;
  readonly answered_at?: string;
}

/** What was answered to one question: one text, or the chosen of several. */
export interface FormAnswer {
  readonly question_id: string;
  readonly values: readonly string[];
}

/** A message that a rule takes, or whose files it takes, shortly told. */
export interface Glimpse {
  readonly message_id: string;
  readonly seq: number;
  readonly author_id: string;
  readonly at: string;
  readonly text: string;
  readonly files?: readonly string[];
  readonly keeps_words: boolean;
}

/** `degraded`: something is missing that the server can do without. */
export interface HealthStatus {
  readonly status: "ok" | "degraded" | "down";
  readonly version: string;
  readonly uptime_s: number;
  readonly connections: number;
  readonly rooms: number;
  readonly services: readonly ServiceView[];
}

export interface Hit {
  readonly room_id: string;
  readonly message: Message;
}

/** Oldest first, the revoked ones, too. */
export interface HookList {
  readonly hooks: readonly HookView[];
}

/** `secret` is shown this once: whoever holds it sends it as `Authorization: Bearer`, never in an address. */
export interface HookMade {
  readonly hook: HookView;
  readonly secret: string;
}

export interface HookView {
  readonly id: string;
  readonly rule_id: string;
  readonly created_by: string;
  readonly created_at: string;
  readonly revoked_at?: string;
}

export interface InviteList {
  readonly invites: readonly InviteView[];
}

/** `code` is shown this once. */
export interface InviteMade {
  readonly id: string;
  readonly code: string;
  readonly role: Role;
  readonly expires_at?: string;
  readonly uses?: number;
}

/** Makes an account a member at once. An AI account becomes an AI member whatever role is named. */
export interface InviteMember {
  readonly type: "invite_member";
  readonly handle: string;
  readonly role?: Role;
  readonly until?: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface InviteView {
  readonly id: string;
  readonly created_by: string;
  readonly role: string;
  readonly created_at: string;
  readonly expires_at?: string;
  readonly uses_left?: number;
  readonly member_until?: string;
  readonly revoked_at?: string;
}

/** By their start: those that run, and the last that ended. */
export interface JobList {
  readonly jobs?: readonly JobReport[];
}

/** The end of a job's output. `left_out_bytes` were printed before `text`. */
export interface JobOutputTail {
  readonly job: JobReport;
  readonly text: string;
  readonly left_out_bytes: number;
}

/** A background job. `state`: running, ended, stopped or failed; `stop`: what killed it. */
export interface JobReport {
  readonly job_id: string;
  readonly command: string;
  readonly cwd: string;
  readonly turn_id: string;
  readonly call_id: string;
  readonly askers: readonly string[];
  readonly state: string;
  readonly exit_status?: number;
  readonly stop?: string;
  readonly stopped_by?: string;
  readonly stopped_in?: string;
  readonly wall_s: number;
  readonly started_at: string;
  readonly ended_at?: string;
  readonly printed_bytes: number;
}

/** Opens a room on this session. Without `after`: a snapshot. */
export interface Join {
  readonly type?: "join";
  readonly id: string;
  readonly room_id: string;
  readonly after?: Cursor;
}

/** `session`, when an account was made: it is signed in. */
export interface Joined {
  readonly room_id: string;
  readonly session?: SessionMade;
}

/** One of these words, as whole words in any case, outside code and quotes. */
export interface KeywordRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly type: "keyword";
  readonly words: readonly string[];
}

/** Closes a room on this session; the membership stays. */
export interface Leave {
  readonly type?: "leave";
  readonly id: string;
  readonly room_id: string;
}

export interface LeaveRoom {
  readonly type: "leave_room";
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface LiftBan {
  readonly type: "lift_ban";
  readonly account_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface ListQuery {
  readonly limit?: number;
  readonly before?: number;
}

/** `link` is the secret that stands behind the `#` of a sign-in address; good once. */
export interface LoginLink {
  readonly link: string;
  readonly expires_in_s: number;
}

/** What an answer was built from: enough to build the same prompt again. `left_out` counts units that did not fit. `rules`, `brief` and `tools_text` name kept pieces of the prompt by their SHA-256. `former` are the handles and names of those who spoke and were members no more. With a `conversation`, that was sent and no prompt: `prompt_sha256` is its digest, `messages` are those it holds, and there are no tokens to count. */
export interface Manifest {
  readonly form: number;
  readonly model: string;
  readonly turn_id: string;
  readonly ai_id: string;
  readonly handle?: string;
  readonly from_seq: number;
  readonly up_to_seq: number;
  readonly hidden_before: number;
  readonly sees_workspace: boolean;
  readonly as_of?: string;
  readonly summary_version?: number;
  readonly rules?: string;
  readonly brief?: string;
  readonly tools_text?: string;
  readonly messages: readonly UsedMessage[];
  readonly older?: readonly string[];
  readonly tool_results: readonly UsedResult[];
  readonly tools: readonly string[];
  readonly facts?: readonly string[];
  readonly pins?: readonly string[];
  readonly former?: Readonly<Record<string, unknown>>;
  readonly taint?: readonly Taint[];
  readonly budget_tokens: number;
  readonly counter?: string;
  readonly tokens: number;
  readonly share: Share;
  readonly left_out: number;
  readonly conversation?: UsedConversation;
  readonly prompt_sha256: string;
}

/** Everything up to `seq` is read. Not an event: the answer carries no seq. The mark never goes back. */
export interface MarkRead {
  readonly type: "mark_read";
  readonly seq: number;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface Me {
  readonly account: Account;
  readonly how: "token" | "sign_in" | "ticket" | "supabase";
  readonly expires_at?: string;
  readonly csrf_token?: string;
}

/** An account in a room. `joined_seq` is the seq of the event that made it a member. */
export interface Member {
  readonly account_id: string;
  readonly kind: AccountKind;
  readonly handle: string;
  readonly display_name: string;
  readonly role: Role;
  readonly joined_at: string;
  readonly joined_seq: number;
  readonly until?: string;
}

export interface MemberList {
  readonly members: readonly Member[];
}

export interface Mention {
  readonly message_id: string;
  readonly seq: number;
  readonly author_id: string;
  readonly at: string;
  readonly text: string;
}

/** Mentions of many at once. The rest of the reserved handles are roles' names. */
export type MentionGroup = "all" | "here" | "owner" | "admin" | "member" | "guest";

/** `@handle`, or `@ai` for the default one. Without a cooldown: who is addressed by name answers. */
export interface MentionRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly type: "mention";
}

/** A message as it stands now: edits applied, reactions counted; a deleted one is a tombstone without text. */
export interface Message {
  readonly id: string;
  readonly seq: number;
  readonly author_id: string;
  readonly at: string;
  readonly text: string;
  readonly reply_to?: string;
  readonly thread_root?: string;
  readonly turn_id?: string;
  readonly mentions?: readonly string[];
  readonly mention_groups?: readonly MentionGroup[];
  readonly revision: number;
  readonly edited_at?: string;
  readonly deleted_at?: string;
  readonly deleted_by?: string;
  readonly deleted_because?: "" | "retention" | "erasure";
  readonly reactions?: readonly Reaction[];
  readonly asked_by?: readonly string[];
  readonly answers?: readonly string[];
  readonly cards?: readonly Card[];
  readonly form?: Form;
  readonly taint?: readonly Taint[];
  readonly attachments?: readonly Attachment[];
  readonly alternatives?: readonly Answer[];
  readonly chosen: number;
}

/** Oldest first. */
export interface MessagePage {
  readonly messages: readonly Message[];
  readonly before?: string;
}

export interface MessageWithRevisions {
  readonly message: Message;
  readonly revisions: readonly Revision[];
}

/** How a workspace stands to its copy in the file store, from which another server restores it. `off`: there is none. `waiting`: `waiting` paths are different here. `behind`: the store has something newer that could not be fetched. `failing`: what is here could not be put there. `reason` says why in plain words. `version` and `at` are the copy's. `conflicts`: what was put beside, because it was changed in two places. */
export interface MirrorState {
  readonly state: "off" | "synced" | "waiting" | "pushing" | "behind" | "failing";
  readonly version: number;
  readonly at?: string;
  readonly waiting: number;
  readonly reason?: string;
  readonly conflicts?: readonly string[];
}

/** Those of the contents asked for that have to be sent before a change can name them. */
export interface MissingContents {
  readonly sha256s?: readonly string[];
}

/** Another model answered in place of one that could not. */
export interface ModelSwitch {
  readonly at: string;
  readonly model: string;
  readonly previous: string;
  readonly reason: string;
}

export interface MoveBody {
  readonly source: string;
  readonly destination: string;
}

export interface NewAccount {
  readonly handle: string;
  readonly display_name?: string;
  readonly kind?: AccountKind;
  readonly password?: string;
}

export interface NewDirectRoom {
  readonly handles: readonly string[];
}

/** `rule_id`: a webhook rule in the room's settings. */
export interface NewHook {
  readonly rule_id: string;
}

export interface NewInvite {
  readonly role?: Role;
  readonly uses?: number;
  readonly ttl_s?: number;
  readonly member_until?: string;
}

/** Kept in a private file on the server's machine; no answer ever holds it. */
export interface NewKey {
  readonly key: string;
}

export interface NewMember {
  readonly handle: string;
  readonly role?: Role;
  readonly until?: string;
}

export interface NewRoom {
  readonly name: string;
  readonly topic?: string;
  readonly with_ai?: boolean;
}

/** One way of three: `handle` and `password`, a one-time `link`'s secret, or a `supabase_token`. */
export interface NewSession {
  readonly handle?: string;
  readonly password?: string;
  readonly link?: string;
  readonly supabase_token?: string;
  readonly cookie?: boolean;
}

export interface NewToken {
  readonly label?: string;
  readonly ttl_s?: number;
}

export type NlwebDialect = "auto" | "0.1" | "0.5" | "0.54";

export type NlwebMode = "list" | "summarize" | "generate";

export interface NlwebOptions {
  readonly dialect: NlwebDialect;
  readonly site: string;
  readonly mode: NlwebMode;
  readonly max_results: number;
  readonly previous_messages: number;
}

/** An outside server, asked just now. `left_out`: tools that cannot be used, and why. `gone`: consented ones it lost. */
export interface OutsideServer {
  readonly server: string;
  readonly kind?: string;
  readonly address?: string;
  readonly is_reachable: boolean;
  readonly trouble?: string;
  readonly tools?: readonly OutsideTool[];
  readonly left_out?: readonly string[];
  readonly gone?: readonly string[];
}

/** A tool of an outside server (MCP), in that server's words, with what cannot be seen in them written out (`\u200b`). `state`: consented, changed since, or new. The model is told the description and the part of the input schema that is kept; the other parts are bound by `sha256` as well. */
export interface OutsideTool {
  readonly tool: string;
  readonly title?: string;
  readonly description?: string;
  readonly input_schema?: string;
  readonly output_schema?: string;
  readonly annotations?: string;
  readonly left_out?: readonly string[];
  readonly sha256: string;
  readonly tool_class: ToolClass;
  readonly state: string;
}

export interface OwnErasure {
  readonly handle: string;
  readonly hand_over?: boolean;
  readonly password?: string;
}

export interface PageQuery {
  readonly before?: string;
  readonly limit?: number;
}

export interface PasswordChange {
  readonly new: string;
  readonly current?: string;
}

/** What became of one path. `done`; `same`: it was so already; `conflict`: something else stands there (`sha256` of it, if it is a file); `missing`: the content has to be sent first; `refused`: it cannot be, and `reason` says why. */
export interface PathOutcome {
  readonly path: string;
  readonly state: "done" | "same" | "conflict" | "missing" | "refused";
  readonly sha256?: string;
  readonly reason?: string;
}

/** One outcome for each change, in their order; `change` is what the room was told (no `seq`: nothing was different). `tree`: the workspace right after. */
export interface PathsChanged {
  readonly outcomes: readonly PathOutcome[];
  readonly change: WorkspaceChange;
  readonly tree: string;
}

export type Period = "day" | "month";

/** Tells the room's AIs something that they always know. */
export interface PinFact {
  readonly type: "pin_fact";
  readonly text: string;
  readonly message_id?: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface PinMessage {
  readonly type: "pin_message";
  readonly message_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface Ping {
  readonly type?: "ping";
  readonly id: string;
}

/** A point as a person wants it. With the `id` of one that is there: kept, or changed if the words differ. */
export interface PointEdit {
  readonly id?: string;
  readonly section: Section;
  readonly text: string;
}

/** With attachments, `text` may be empty. Each is the sender's own, uploaded to this room, and used once. */
export interface PostMessage {
  readonly type: "post_message";
  readonly text: string;
  readonly reply_to?: string;
  readonly attachments?: readonly string[];
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** What whoever holds the code may see. */
export interface Preview {
  readonly room_id: string;
  readonly kind: RoomKind;
  readonly name: string;
  readonly topic: string;
  readonly role: Role;
  readonly members: number;
}

/** RFC 9457. `code` is a refusal code, or says in a word what HTTP itself refused. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly retry_after_s?: number;
  readonly known?: readonly string[];
}

export interface ProfileList {
  readonly profiles: readonly ProfileView[];
}

/** Micro-units (millionths of the currency) per million tokens. */
export interface ProfilePrice {
  readonly tokens_in: number;
  readonly tokens_cached: number;
  readonly tokens_out: number;
}

/** What came of asking an AI's model for one word. Nothing that the model said stands here. */
export interface ProfileTest {
  readonly is_ok: boolean;
  readonly said: string;
  readonly model?: string;
  readonly first_word_s?: number;
}

/** A profile as operators see it. */
export interface ProfileView {
  readonly account_id: string;
  readonly profile: AiProfile;
  readonly version: number;
  readonly is_from_file: boolean;
  readonly is_disabled: boolean;
  readonly has_key: boolean;
  readonly answers_with?: string;
  readonly is_demo: boolean;
  readonly problem?: string;
}

export type Provider = "auto" | "deepseek" | "openai_compatible" | "nlweb" | "demo";

export interface Question {
  readonly id: string;
  readonly text: string;
  readonly kind: QuestionKind;
  readonly choices?: readonly string[];
}

export type QuestionKind = "text" | "one_of" | "any_of";

export interface Reaction {
  readonly emoji: string;
  readonly account_ids: readonly string[];
}

export interface ReadMark {
  readonly seq: number;
  readonly unread: number;
  readonly mentions: number;
}

/** Asks the AI to answer again. The answers before it stay, as alternatives. */
export interface RegenerateAnswer {
  readonly type: "regenerate_answer";
  readonly message_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface Removal {
  readonly ban?: boolean;
}

/** Take a file off a message: its author, or who may delete anybody's message. */
export interface RemoveAttachment {
  readonly type: "remove_attachment";
  readonly message_id: string;
  readonly attachment_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** `ban`: no way back until the ban is lifted. */
export interface RemoveMember {
  readonly type: "remove_member";
  readonly account_id: string;
  readonly ban?: boolean;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Remove a file, if it is `expected`; and the folders above it that hold nothing then, as git does. */
export interface RemovePath {
  readonly type?: "remove";
  readonly path: string;
  readonly expected: string;
}

export interface RemoveReaction {
  readonly type: "remove_reaction";
  readonly message_id: string;
  readonly emoji: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface RenameRoom {
  readonly type: "rename_room";
  readonly name: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** A new token or ticket of the same account keeps the session. */
export interface Renew {
  readonly token?: string;
  readonly ticket?: string;
  readonly type?: "renew";
  readonly id: string;
}

/** The first prompt of a turn. What its tools said and what it was told on the way are in its calls and messages. `differs`: in plain sentences, why it is not equal. `prompt` is empty where it cannot be built again at all. Of a provider that takes a plain question it is one message: the question, and what was said before. */
export interface Replay {
  readonly turn_id: string;
  readonly message_id?: string;
  readonly model: string;
  readonly is_equal: boolean;
  readonly differs?: readonly string[];
  readonly prompt_sha256: string;
  readonly rebuilt_sha256?: string;
  readonly prompt?: readonly ReplayedMessage[];
  readonly tools?: readonly ReplayedTool[];
  readonly tokens: number;
}

export interface ReplayedCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** One message as the model was given it, with a dot in the place of each secret marker. */
export interface ReplayedMessage {
  readonly role: string;
  readonly content: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly ReplayedCall[];
}

export interface ReplayedTool {
  readonly name: string;
  readonly description: string;
}

/** A reply to one of its messages. */
export interface ReplyRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly type: "reply";
}

/** A room's rule. None: for good, as far as the server's own rule lets it. */
export interface Retention {
  readonly messages_days?: number;
  readonly files_days?: number;
  readonly keeps_pinned: boolean;
}

/** What a rule would remove if it were carried out now. */
export interface RetentionPreview {
  readonly rule: Retention;
  readonly holds: Retention;
  readonly messages: number;
  readonly files: number;
  readonly size: number;
  readonly oldest?: string;
  readonly newest?: string;
  readonly pinned_kept: number;
  readonly waiting: number;
  readonly first?: readonly Glimpse[];
}

/** A rule to look at in place of the room's own; without any of these, the room's own. */
export interface RetentionQuery {
  readonly messages_days?: number;
  readonly files_days?: number;
  readonly keeps_pinned?: boolean;
}

/** A room's rule as it stands, what it did last, and what it would remove now. */
export interface RetentionReport {
  readonly rule: Retention;
  readonly holds: Retention;
  readonly server_days?: number;
  readonly last?: Forgotten;
  readonly next_look?: string;
  readonly preview: RetentionPreview;
}

/** One state of a message's text; revision 1 is what was posted. */
export interface Revision {
  readonly revision: number;
  readonly at: string;
  readonly text: string;
}

/** A member's role in one room. `AI` stands aside of the ranks and never has more than the person who asked. */
export type Role = "owner" | "admin" | "member" | "guest" | "ai";

export interface RoleChange {
  readonly role: Role;
}

/** Each field that is given is a command of its own, in this order; the first refusal ends it. */
export interface RoomChange {
  readonly name?: string;
  readonly topic?: string;
  readonly settings?: RoomSettings;
  readonly is_archived?: boolean;
}

/** What becomes of a room whose member is erased. */
export type RoomFate = "left" | "handed_over" | "deleted" | "stays";

/** A ready file of a message. */
export interface RoomFile {
  readonly attachment: Attachment;
  readonly message_id: string;
  readonly seq: number;
  readonly uploaded_by: string;
  readonly at: string;
}

export type RoomKind = "room" | "direct";

export interface RoomList {
  readonly rooms: readonly RoomListing[];
}

/** A row of the room list. */
export interface RoomListing {
  readonly room: RoomView;
  readonly seq: number;
  readonly role: string;
  readonly read: ReadMark;
  readonly has_ai: boolean;
  readonly facing?: string;
  readonly is_ai_working: boolean;
  readonly needs_approval: boolean;
}

/** What owners and admins may switch; the defaults are the table of rights' brackets. */
export interface RoomSettings {
  readonly guests_see_history: boolean;
  readonly guests_post: boolean;
  readonly guests_ask_ai: boolean;
  readonly guests_see_workspace: boolean;
  readonly members_invite: boolean;
  readonly default_ai?: string;
  readonly persona?: string;
  readonly triggers: readonly (MentionRule | ReplyRule | ThreadRule | KeywordRule | EveryRule | ScheduleRule | WebhookRule)[];
  readonly while_busy: WhileBusy;
  readonly ai_to_ai: boolean;
  readonly ai_pairs_per_hour: number;
  readonly tools?: readonly string[];
  readonly approvals: ApprovalPolicy;
  readonly consents?: readonly Consent[];
  readonly fetches_urls: boolean;
  readonly summarise_after?: number;
  readonly shows_thinking: boolean;
  readonly retention: Retention;
}

/** `ai_id`: whose tools are told; absent: the room has no AI. `servers` is empty for guests. */
export interface RoomTools {
  readonly ai_id?: string;
  readonly tools?: readonly ToolReport[];
  readonly sandbox: SandboxReport;
  readonly servers?: readonly OutsideServer[];
}

/** The room itself, without its members and messages. */
export interface RoomView {
  readonly id: string;
  readonly kind: RoomKind;
  readonly name: string;
  readonly topic: string;
  readonly settings: RoomSettings;
  readonly created_at: string;
  readonly archived_at?: string;
}

/** What one rule came to: how often it would have asked, and how often not, by `why`. */
export interface RuleCount {
  readonly rule_id: string;
  readonly fired: number;
  readonly held_back?: Readonly<Record<string, number>>;
}

/** One rule's word on one AI. `text` says it for people; `turn_id`: the turn that came of it. */
export interface RuleVerdict {
  readonly rule_id: string;
  readonly ai_id?: string;
  readonly fires: boolean;
  readonly why: Why;
  readonly reason: TurnReason;
  readonly text: string;
  readonly turn_id?: string;
}

/** How commands run on this server. `limits_by` (cgroup or polling) holds the memory of a command's processes. */
export interface SandboxReport {
  readonly mode: string;
  readonly reason: string;
  readonly limits_by: string;
  readonly limits_note?: string;
}

/** At a time of day in a time zone, like Europe/Berlin; `days` are 1 (Monday) to 7, none means every day. */
export interface ScheduleRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly set_by?: string;
  readonly prompt?: string;
  readonly type: "schedule";
  readonly at: string;
  readonly zone: string;
  readonly days?: readonly number[];
}

/** Newest first. `authors`: who wrote them, those who have left their room too, each once. */
export interface SearchAnswer {
  readonly hits: readonly Hit[];
  readonly authors?: readonly Author[];
}

/** Words, or what the messages must be beside them, or both. */
export interface SearchQuery {
  readonly q?: string;
  readonly room?: string;
  readonly room_name?: string;
  readonly author?: string;
  readonly has_file?: boolean;
  readonly has_link?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly before?: string;
}

/** Where a point of the summary stands, in this order. */
export type Section = "topic" | "decisions" | "questions" | "actions" | "facts" | "other";

export interface ServerUsageQuery {
  readonly group?: UsageGroup;
  readonly since?: string;
  readonly until?: string;
}

export interface ServiceView {
  readonly name: string;
  readonly status: "up" | "down";
  readonly detail: string;
}

/** `token` for a program; with a cookie `csrf_token` instead, to be sent back as X-CSRF-Token. */
export interface SessionMade {
  readonly account: Account;
  readonly expires_at: string;
  readonly token?: string;
  readonly csrf_token?: string;
}

/** Replaces the room's caps as a whole. */
export interface SetBudget {
  readonly type: "set_budget";
  readonly budget: Budget;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** `owner` makes a further owner; to hand the room over, step down after it. */
export interface SetRole {
  readonly type: "set_role";
  readonly account_id: string;
  readonly role: Role;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Replaces the settings as a whole (`PATCH …/rooms/{room_id}` changes what it is given). */
export interface SetRoomSettings {
  readonly type: "set_room_settings";
  readonly settings: RoomSettings;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface SetTopic {
  readonly type: "set_topic";
  readonly topic: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Passing: told to the others, not stored. Ends by itself after some seconds. */
export interface SetTyping {
  readonly type: "set_typing";
  readonly is_typing?: boolean;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** How many tokens one part of the prompt takes. */
export interface Share {
  readonly rules: number;
  readonly tools: number;
  readonly room: number;
  readonly summary: number;
  readonly messages: number;
  readonly results: number;
}

export interface SignInWays {
  readonly ways: readonly ("password" | "link" | "supabase")[];
  readonly supabase?: SupabaseWay;
}

/** Where one part may be put directly, past the server: this method and URL, with exactly these headers. */
export interface SignedPart {
  readonly number: number;
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly until: string;
}

/** Calls of a class run without being approved one by one, until a time. Never in a tainted turn, never for guests. */
export interface StandingRule {
  readonly tool_class: ToolClass;
  readonly until: string;
  readonly set_by?: string;
}

/** Says something to a running turn: a message that everyone reads, told to the model at its next step. */
export interface SteerTurn {
  readonly type: "steer_turn";
  readonly turn_id: string;
  readonly text: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** Have nobody listen to a recording: the message's author, or who may delete anybody's message. */
export interface StopTranscript {
  readonly type: "stop_transcript";
  readonly message_id: string;
  readonly attachment_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface StopTurn {
  readonly type: "stop_turn";
  readonly turn_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export interface StreamQuery {
  readonly join?: string;
}

/** One version of the summary. `points` empty: it was taken back, or there was nothing to say. */
export interface Summary {
  readonly version: number;
  readonly up_to_seq: number;
  readonly method: string;
  readonly points?: readonly SummaryPoint[];
  readonly taint?: readonly Taint[];
  readonly edited_by?: string;
  readonly brief?: string;
}

/** Newest first; without the points that were taken back. */
export interface SummaryHistory {
  readonly versions?: readonly SummaryVersion[];
}

/** One statement of a summary. What a person wrote (`by`) is kept word for word by later versions. */
export interface SummaryPoint {
  readonly id: string;
  readonly section: Section;
  readonly text: string;
  readonly sources?: readonly string[];
  readonly by?: string;
}

/** A version as the history shows it. */
export interface SummaryVersion {
  readonly summary: Summary;
  readonly at: string;
}

/** What a page needs to sign people in there, all of it public: the token it gets goes to `POST /api/v1/sessions`. */
export interface SupabaseWay {
  readonly url: string;
  readonly anon_key: string;
  readonly ways: readonly string[];
}

export interface TailQuery {
  readonly bytes?: number;
}

/** Where words come from that nobody in the room vouches for. */
export type Taint = "nlweb" | "web" | "mcp" | "file" | "guest" | "webhook";

/** The line was handed to the session; its answer comes over the stream. */
export interface Taken {
  readonly session_id: string;
}

/** Any message in a thread that it has spoken in, until the thread was quiet for `idle_s`. */
export interface ThreadRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly type: "thread";
  readonly idle_s: number;
}

export interface Ticket {
  readonly ticket: string;
  readonly expires_in_s: number;
}

export interface TokenList {
  readonly tokens: readonly TokenView[];
}

/** `token` is shown this once. */
export interface TokenMade {
  readonly token: string;
  readonly row: TokenView;
}

export interface TokenUsage {
  readonly model: string;
  readonly tokens_in: number;
  readonly tokens_cached: number;
  readonly tokens_out: number;
  readonly cost_micros?: number;
  readonly is_estimated: boolean;
  readonly price_version?: string;
  readonly calls: number;
}

export interface TokenView {
  readonly id: string;
  readonly label: string;
  readonly created_at: string;
  readonly expires_at?: string;
  readonly revoked_at?: string;
}

/** One call. `is_ok` None: it has not come back. `is_started` False: it was never run. */
export interface ToolCallReport {
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
  readonly called_at: string;
  readonly is_started: boolean;
  readonly finished_at?: string;
  readonly is_ok?: boolean;
  readonly text?: string;
  readonly code?: string;
  readonly exit_status?: number;
  readonly taint?: Taint;
  readonly is_redacted: boolean;
}

/** What a call can do. It follows from the tool and its options, never from the words of a command. */
export type ToolClass = "room" | "read" | "write" | "sensitive_write" | "terminal" | "extended" | "network" | "unsandboxed";

/** A tool. `is_offered`: the room's AI can use it now; else `why_not` says what stands in the way. `tool_class` is that of a plain call; options of a call can raise it. */
export interface ToolReport {
  readonly name: string;
  readonly description: string;
  readonly tool_class: ToolClass;
  readonly is_offered: boolean;
  readonly why_not?: string;
}

export interface ToolsQuery {
  readonly ai?: string;
}

/** What is said in a recording, and how far it is written down. */
export interface Transcript {
  readonly state: TranscriptState;
  readonly text?: string;
  readonly reason?: string;
  readonly language?: string;
  readonly is_edited: boolean;
  readonly until?: string;
}

export type TranscriptState = "queued" | "running" | "done" | "failed" | "stopped";

/** One path. Folders are not named: they are there for what is in them. `kind`: `file`, or `link` (a symbolic link, which no sync follows or makes). Of a link `sha256` and `size` are empty. */
export interface TreeEntry {
  readonly path: string;
  readonly kind: "file" | "link";
  readonly sha256?: string;
  readonly size: number;
  readonly is_executable: boolean;
}

/** All that a turn changed in the workspace, call by call. `undo`: `possible`; `running`: once the turn has ended; `wanted`: it is being done; `done`; `too_late`: too many turns have changed files since; `nothing`: it changed no files. `may_undo`: the reader has the right to. */
export interface TurnChanges {
  readonly turn_id: string;
  readonly ai_id: string;
  readonly calls?: readonly CallChanges[];
  readonly undo: "possible" | "running" | "wanted" | "done" | "too_late" | "nothing";
  readonly may_undo: boolean;
  readonly undo_by?: string;
}

/** `manifest`: what its prompt was built from. `text`, `cards`: the words so far of one that has not ended. */
export interface TurnDetail {
  readonly turn_id: string;
  readonly ai_id: string;
  readonly state: string;
  readonly position?: number;
  readonly reason?: TurnReason;
  readonly rule_id?: string;
  readonly askers?: readonly string[];
  readonly messages?: readonly string[];
  readonly replaces?: string;
  readonly hops: number;
  readonly why?: string;
  readonly requested_at: string;
  readonly requested_seq: number;
  readonly ended_at?: string;
  readonly ended_seq?: number;
  readonly ended_because?: string;
  readonly message_id?: string;
  readonly usage?: TokenUsage;
  readonly note?: string;
  readonly text?: string;
  readonly cards?: readonly Card[];
  readonly manifest?: Manifest;
  readonly calls?: readonly ToolCallReport[];
  readonly switches?: readonly ModelSwitch[];
}

/** `open`: the queue, oldest first (on the first page only). `ended`: the latest first. */
export interface TurnPage {
  readonly open?: readonly TurnReport[];
  readonly ended?: readonly TurnReport[];
  readonly before?: number;
}

/** Why an AI takes a turn. */
export type TurnReason = "mention" | "reply" | "thread" | "keyword" | "every" | "schedule" | "webhook" | "asked" | "steered" | "form" | "regenerate";

/** `state`: requested, running, or how it ended; `why`: what made it, in a sentence; `reason` and `rule_id` likewise. `position`, of one that has not ended: how many turns of this AI come before it; 0: it is at it, or next. */
export interface TurnReport {
  readonly turn_id: string;
  readonly ai_id: string;
  readonly state: string;
  readonly position?: number;
  readonly reason?: TurnReason;
  readonly rule_id?: string;
  readonly askers?: readonly string[];
  readonly messages?: readonly string[];
  readonly replaces?: string;
  readonly hops: number;
  readonly why?: string;
  readonly requested_at: string;
  readonly requested_seq: number;
  readonly ended_at?: string;
  readonly ended_seq?: number;
  readonly ended_because?: string;
  readonly message_id?: string;
  readonly usage?: TokenUsage;
}

export interface TurnsQuery {
  readonly before?: number;
  readonly limit?: number;
}

/** Puts the workspace back to what it was before the turn changed it. What others changed since is left alone. Without `keeps_others` nothing is undone if others changed the same files since. */
export interface UndoTurn {
  readonly type: "undo_turn";
  readonly turn_id: string;
  readonly keeps_others?: boolean;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

export type Unit = "tokens" | "micros";

export interface UnpinMessage {
  readonly type: "unpin_message";
  readonly message_id: string;
  /** Makes the command idempotent: the same key again is the same event. */
  readonly key?: string;
}

/** An attachment on its way, as its uploader sees it. `plan` is None once nothing more is to be sent. */
export interface Upload {
  readonly room_id: string;
  readonly attachment: Attachment;
  readonly message_id?: string;
  readonly plan?: UploadPlan;
}

/** How the bytes of an attachment come in: parts of `part_bytes`, the last one shorter, each any number of times. */
export interface UploadPlan {
  readonly part_bytes: number;
  readonly parts: number;
  readonly received?: readonly number[];
  readonly until: string;
}

export type UsageGroup = "room" | "asker" | "ai" | "model" | "day";

/** From `since` until just before `until`; without them, this month (UTC) so far. */
export interface UsageQuery {
  readonly group?: UsageGroup;
  readonly since?: string;
  readonly until?: string;
}

export interface UsageReport {
  readonly since: string;
  readonly until: string;
  readonly currency: string;
  readonly room_id?: string;
  readonly group: UsageGroup;
  readonly rows: readonly UsageRow[];
  readonly total: UsageRow;
  readonly caps?: readonly CapState[];
}

/** What was used under one heading of a report: by a room, a person, an AI, a model, or a day. */
export interface UsageRow {
  readonly key: string;
  readonly calls: number;
  readonly tokens_in: number;
  readonly tokens_cached: number;
  readonly tokens_out: number;
  readonly cost_micros: number;
  readonly unpriced_calls: number;
  readonly tokens_over: number;
}

/** What a provider that takes a plain question was given in place of a prompt. `question`: the messages that asked; none where a note did (`has_note`). Summary and facts are given to every such provider; an old dialect has no place for them and sends the rest alone. */
export interface UsedConversation {
  readonly question?: readonly string[];
  readonly has_note: boolean;
  readonly previous?: readonly string[];
  readonly previous_at_most: number;
  readonly summary_points: number;
  readonly facts: number;
}

export interface UsedMessage {
  readonly id: string;
  readonly revision: number;
}

export interface UsedResult {
  readonly call_id: string;
  readonly sha256: string;
}

/** A POST to the address that was made for this rule. What it brings is material, never an instruction. */
export interface WebhookRule {
  readonly id: string;
  readonly is_on: boolean;
  readonly ai_id?: string;
  readonly cooldown_s: number;
  readonly per_min: number;
  readonly set_by?: string;
  readonly prompt?: string;
  readonly type: "webhook";
  readonly key?: string;
}

/** What a request does to an AI that is at a turn of this room already. */
export type WhileBusy = "collect" | "steer" | "interrupt";

/** `sha256`: of the bytes, checked; with that of a file that you can read already nothing needs to be sent. */
export interface WholeQuery {
  readonly name: string;
  readonly sha256?: string;
}

/** Why a rule fired, or did not. The values are a part of the protocol. */
export type Why = "fires" | "is_off" | "no_such_ai" | "not_addressed" | "no_word" | "not_yet" | "no_thread" | "thread_is_quiet" | "for_someone_else" | "not_by_message" | "may_not_ask" | "not_by_ai" | "too_far" | "pair_spent" | "rests" | "too_often" | "other_rule" | "stopped" | "steered" | "not_known";

/** What a change by hand came to. `seq`: the `files_changed` event that tells of it; absent: nothing was different. `sha256`: of the file that was written. `before` and `after` name the workspace in `GET …/workspace/diff`. */
export interface WorkspaceChange {
  readonly seq?: number;
  readonly event_id?: string;
  readonly changes?: readonly FileChange[];
  readonly more: number;
  readonly before?: string;
  readonly after?: string;
  readonly sha256?: string;
}

/** A unified diff: of `path`, or of all that differs, in the order of `changes`. "": nothing differs. The contents are the files' own: whoever shows them must not take them for markup. A diff that was cut says so in its last line. `left_out`: how many of the changes have no diff here, as there was no more room. */
export interface WorkspaceDiff {
  readonly before: string;
  readonly after: string;
  readonly path?: string;
  readonly diff: string;
  readonly changes?: readonly FileChange[];
  readonly left_out: number;
}

/** One name in a folder. Bytes of it that are not UTF-8 stand as `\xNN`: such a one cannot be opened by its name. `kind`: file, folder, link or special. `size`: bytes of a file, else 0. */
export interface WorkspaceEntry {
  readonly name: string;
  readonly kind: string;
  readonly size: number;
  readonly modified_at: string;
}

/** What a folder holds, by name, and how full the whole workspace is. `is_cut`: the folder holds more than is named. `used_bytes` and `files` (folders and links count, too) are of the whole workspace; `is_whole` False: it holds more than could be counted, and counts as full. */
export interface WorkspaceListing {
  readonly path: string;
  readonly entries: readonly WorkspaceEntry[];
  readonly is_cut: boolean;
  readonly used_bytes: number;
  readonly files: number;
  readonly is_whole: boolean;
  readonly quota_bytes: number;
  readonly quota_files: number;
  readonly mirror: MirrorState;
}

/** All files of a workspace, by path, as they were at one moment. `tree` names that moment (and is the ETag). `left_out`: how many names cannot be said here (not UTF-8), are special files, or could not be read; what is at or below them is unknown, not gone. */
export interface WorkspaceTree {
  readonly tree: string;
  readonly entries?: readonly TreeEntry[];
  readonly left_out: number;
}

/** Make this content what stands at `path`. `expected`: what it replaces; None: no file may be there. Where the same content stands already nothing conflicts, whatever is `expected`: only `is_executable` is made so. Where None is `expected`, an empty folder gives way, of which no tree tells. */
export interface WritePath {
  readonly type?: "write";
  readonly path: string;
  readonly sha256: string;
  readonly is_executable?: boolean;
  readonly expected?: string;
}

export interface Operations {
  /** Which ways to sign in are open */
  readonly "GET /api/v1/auth/ways": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: SignInWays };
  /** Sign in */
  readonly "POST /api/v1/sessions": { readonly query: Readonly<Record<never, never>>; readonly body: NewSession; readonly answer: SessionMade };
  /** Sign out */
  readonly "DELETE /api/v1/sessions/current": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Get a ticket: opens one WebSocket within 30 seconds */
  readonly "POST /api/v1/tickets": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Ticket };
  /** Who am I */
  readonly "GET /api/v1/me": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Me };
  /** Set my password */
  readonly "PUT /api/v1/me/password": { readonly query: Readonly<Record<never, never>>; readonly body: PasswordChange; readonly answer: undefined };
  /** My access tokens */
  readonly "GET /api/v1/me/tokens": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: TokenList };
  /** Make an access token */
  readonly "POST /api/v1/me/tokens": { readonly query: Readonly<Record<never, never>>; readonly body: NewToken; readonly answer: TokenMade };
  /** Revoke an access token */
  readonly "DELETE /api/v1/me/tokens/{token_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Rooms I am in */
  readonly "GET /api/v1/rooms": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: RoomList };
  /** Make a room */
  readonly "POST /api/v1/rooms": { readonly query: Readonly<Record<never, never>>; readonly body: NewRoom; readonly answer: RoomListing };
  /** Find or make the direct room of some accounts */
  readonly "POST /api/v1/rooms/direct": { readonly query: Readonly<Record<never, never>>; readonly body: NewDirectRoom; readonly answer: RoomListing };
  /** One room */
  readonly "GET /api/v1/rooms/{room_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: RoomListing };
  /** Rename, set topic or settings, archive */
  readonly "PATCH /api/v1/rooms/{room_id}": { readonly query: Readonly<Record<never, never>>; readonly body: RoomChange; readonly answer: RoomListing };
  /** Any command, as over a WebSocket; answers when it is committed */
  readonly "POST /api/v1/rooms/{room_id}/commands": { readonly query: Readonly<Record<never, never>>; readonly body: PostMessage | EditMessage | DeleteMessage | RemoveAttachment | EditTranscript | StopTranscript | AskTranscript | AddReaction | RemoveReaction | PinMessage | UnpinMessage | MarkRead | SetTyping | InviteMember | RemoveMember | LiftBan | SetRole | LeaveRoom | RenameRoom | SetTopic | SetRoomSettings | ArchiveRoom | DeleteRoom | AskAi | StopTurn | SteerTurn | RegenerateAnswer | ChooseAnswer | AnswerForm | EditSummary | PinFact | ForgetFact | SetBudget | DecideApproval | UndoTurn | DecideProposal; readonly answer: Committed };
  /** How far I have read, and what waits */
  readonly "GET /api/v1/rooms/{room_id}/unread": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ReadMark };
  /** Members */
  readonly "GET /api/v1/rooms/{room_id}/members": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: MemberList };
  /** Make an account a member at once */
  readonly "POST /api/v1/rooms/{room_id}/members": { readonly query: Readonly<Record<never, never>>; readonly body: NewMember; readonly answer: Committed };
  /** Remove or ban a member; yourself: leave */
  readonly "DELETE /api/v1/rooms/{room_id}/members/{account_id}": { readonly query: { readonly ban?: boolean }; readonly body: undefined; readonly answer: Committed };
  /** Change a role */
  readonly "PATCH /api/v1/rooms/{room_id}/members/{account_id}": { readonly query: Readonly<Record<never, never>>; readonly body: RoleChange; readonly answer: Committed };
  /** Invites of this room */
  readonly "GET /api/v1/rooms/{room_id}/invites": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: InviteList };
  /** Make an invite */
  readonly "POST /api/v1/rooms/{room_id}/invites": { readonly query: Readonly<Record<never, never>>; readonly body: NewInvite; readonly answer: InviteMade };
  /** Revoke an invite */
  readonly "DELETE /api/v1/rooms/{room_id}/invites/{invite_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Look at an invite */
  readonly "POST /api/v1/invites/preview": { readonly query: Readonly<Record<never, never>>; readonly body: CodeBody; readonly answer: Preview };
  /** Come in by an invite, with an account or a new one */
  readonly "POST /api/v1/invites/accept": { readonly query: Readonly<Record<never, never>>; readonly body: Acceptance; readonly answer: Joined };
  /** All lines of up to 50 rooms and of the account, as server-sent events */
  readonly "GET /api/v1/stream": { readonly query: { readonly join?: string }; readonly body: undefined; readonly answer: undefined };
  /** Say join, leave, ping or renew to an open stream; the answer comes over it */
  readonly "POST /api/v1/stream/{session_id}": { readonly query: Readonly<Record<never, never>>; readonly body: Join | Leave | Ping | Renew; readonly answer: Taken };
  /** The log: a JSON page, or a stream from a place on (Accept: text/event-stream) */
  readonly "GET /api/v1/rooms/{room_id}/events": { readonly query: { readonly after?: string; readonly limit?: number }; readonly body: undefined; readonly answer: undefined };
  /** A page of messages */
  readonly "GET /api/v1/rooms/{room_id}/messages": { readonly query: { readonly before?: string; readonly limit?: number }; readonly body: undefined; readonly answer: MessagePage };
  /** One message with its revisions */
  readonly "GET /api/v1/rooms/{room_id}/messages/{message_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: MessageWithRevisions };
  /** Search messages, newest first */
  readonly "GET /api/v1/search": { readonly query: { readonly q?: string; readonly room?: string; readonly room_name?: string; readonly author?: string; readonly has_file?: boolean; readonly has_link?: boolean; readonly since?: string; readonly until?: string; readonly limit?: number; readonly before?: string }; readonly body: undefined; readonly answer: SearchAnswer };
  /** The AI accounts that can be made members of a room */
  readonly "GET /api/v1/ai": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: AiOffers };
  /** The queue of the AIs, and their latest turns */
  readonly "GET /api/v1/rooms/{room_id}/turns": { readonly query: { readonly before?: number; readonly limit?: number }; readonly body: undefined; readonly answer: TurnPage };
  /** What a turn was asked, built from, did, used and cost */
  readonly "GET /api/v1/rooms/{room_id}/turns/{turn_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: TurnDetail };
  /** The prompt of a turn, built again, and what was erased of it since */
  readonly "GET /api/v1/rooms/{room_id}/turns/{turn_id}/replay": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Replay };
  /** The prompt behind an answer, built again */
  readonly "GET /api/v1/rooms/{room_id}/messages/{message_id}/replay": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Replay };
  /** Why each AI answered a message, or did not */
  readonly "GET /api/v1/rooms/{room_id}/messages/{message_id}/explain": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Explanation };
  /** What other rules would have made of the room's history */
  readonly "POST /api/v1/rooms/{room_id}/triggers/dry-run": { readonly query: Readonly<Record<never, never>>; readonly body: DryRunBody; readonly answer: DryRun };
  /** What an AI would know if I asked it now */
  readonly "GET /api/v1/rooms/{room_id}/context": { readonly query: { readonly ai?: string }; readonly body: undefined; readonly answer: ContextPreview };
  /** What asking an AI this would cost at most */
  readonly "POST /api/v1/rooms/{room_id}/estimate": { readonly query: Readonly<Record<never, never>>; readonly body: EstimateBody; readonly answer: Estimate };
  /** Every version of the summary, newest first */
  readonly "GET /api/v1/rooms/{room_id}/summaries": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: SummaryHistory };
  /** What the room's AIs always know */
  readonly "GET /api/v1/rooms/{room_id}/facts": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: FactList };
  /** What happened since I left, for me alone */
  readonly "GET /api/v1/rooms/{room_id}/catch-up": { readonly query: { readonly after_seq?: number }; readonly body: undefined; readonly answer: CatchUp };
  /** What a folder of the workspace holds, and how full the workspace is */
  readonly "GET /api/v1/rooms/{room_id}/workspace": { readonly query: { readonly path?: string }; readonly body: undefined; readonly answer: WorkspaceListing };
  /** A file of at most 8 MiB as a download; its ETag is its SHA-256 */
  readonly "GET /api/v1/rooms/{room_id}/workspace/file": { readonly query: { readonly path: string }; readonly body: undefined; readonly answer: undefined };
  /** Write a file of at most 3 MiB: without If-Match only a new one; with the ETag of the version that it replaces only over that; with * over any. The same content again is no change and no error */
  readonly "PUT /api/v1/rooms/{room_id}/workspace/file": { readonly query: { readonly path: string }; readonly body: BodyInit; readonly answer: WorkspaceChange };
  /** Remove a file, with If-Match only that version of it; a folder that holds something only with recursive=true */
  readonly "DELETE /api/v1/rooms/{room_id}/workspace/file": { readonly query: { readonly path: string; readonly recursive?: boolean }; readonly body: undefined; readonly answer: WorkspaceChange };
  /** Move a file or folder to a name that is free */
  readonly "POST /api/v1/rooms/{room_id}/workspace/move": { readonly query: Readonly<Record<never, never>>; readonly body: MoveBody; readonly answer: WorkspaceChange };
  /** What differs between two states of the workspace, as a unified diff */
  readonly "GET /api/v1/rooms/{room_id}/workspace/diff": { readonly query: { readonly before: string; readonly after: string; readonly path?: string }; readonly body: undefined; readonly answer: WorkspaceDiff };
  /** What a turn changed in the workspace, for whom and with whose approval, and whether it can be undone */
  readonly "GET /api/v1/rooms/{room_id}/turns/{turn_id}/changes": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: TurnChanges };
  /** All files of the workspace with their checksums; with the ETag of the last time in If-None-Match, 304 while nothing is different */
  readonly "GET /api/v1/rooms/{room_id}/workspace/tree": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: WorkspaceTree };
  /** Which of these contents have to be sent before a change can name them */
  readonly "POST /api/v1/rooms/{room_id}/workspace/contents/missing": { readonly query: Readonly<Record<never, never>>; readonly body: AskContents; readonly answer: MissingContents };
  /** A file of the tree by its checksum, as a download; with Range: bytes=N- from there on */
  readonly "GET /api/v1/rooms/{room_id}/workspace/contents/{checksum}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Send a content: for a day a change may name it */
  readonly "PUT /api/v1/rooms/{room_id}/workspace/contents/{checksum}": { readonly query: Readonly<Record<never, never>>; readonly body: BodyInit; readonly answer: ContentTaken };
  /** Write and remove many files as one change: each if what stands there is what was expected */
  readonly "POST /api/v1/rooms/{room_id}/workspace/changes": { readonly query: Readonly<Record<never, never>>; readonly body: ChangePaths; readonly answer: PathsChanged };
  /** The files of the room's messages, the newest first */
  readonly "GET /api/v1/rooms/{room_id}/files": { readonly query: { readonly limit?: number; readonly before?: number }; readonly body: undefined; readonly answer: FileListing };
  /** Send a file whole; attach it to a message with `post_message` */
  readonly "POST /api/v1/rooms/{room_id}/files": { readonly query: { readonly name: string; readonly sha256?: string }; readonly body: BodyInit; readonly answer: Upload };
  /** Begin to send a file in parts, which can be taken up again; it may be attached to a message meanwhile */
  readonly "POST /api/v1/rooms/{room_id}/uploads": { readonly query: Readonly<Record<never, never>>; readonly body: BeginUpload; readonly answer: Upload };
  /** How an upload of yours goes */
  readonly "GET /api/v1/uploads/{upload_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Upload };
  /** Give up an upload, or forget a file that is attached to nothing */
  readonly "DELETE /api/v1/uploads/{upload_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Send one part; again replaces it */
  readonly "PUT /api/v1/uploads/{upload_id}/parts/{number}": { readonly query: Readonly<Record<never, never>>; readonly body: BodyInit; readonly answer: Upload };
  /** Where to put one part directly into the file store, for 15 minutes */
  readonly "POST /api/v1/uploads/{upload_id}/parts/{number}/link": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: SignedPart };
  /** Check the parts and make a file of them; again tries again what has failed */
  readonly "POST /api/v1/uploads/{upload_id}/complete": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Upload };
  /** Download a file, or a range of it; 307 to the file store where it can sign links */
  readonly "GET /api/v1/files/{file_id}": { readonly query: { readonly inline?: boolean }; readonly body: undefined; readonly answer: undefined };
  /** A small picture of a picture */
  readonly "GET /api/v1/files/{file_id}/thumbnail": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** The text that was found in a file, of a stranger and cut where it is too long */
  readonly "GET /api/v1/files/{file_id}/text": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** The tools of a room: what its AI can use now, why it cannot use the others, and what outside servers offer */
  readonly "GET /api/v1/rooms/{room_id}/tools": { readonly query: { readonly ai?: string }; readonly body: undefined; readonly answer: RoomTools };
  /** The background jobs of a room */
  readonly "GET /api/v1/rooms/{room_id}/jobs": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: JobList };
  /** A background job and the end of its output */
  readonly "GET /api/v1/rooms/{room_id}/jobs/{job_id}": { readonly query: { readonly bytes?: number }; readonly body: undefined; readonly answer: JobOutputTail };
  /** Stop a background job, with the right to stop a turn of whoever asked for it */
  readonly "DELETE /api/v1/rooms/{room_id}/jobs/{job_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: JobReport };
  /** What the AIs used in a room and cost, and the caps that hold there */
  readonly "GET /api/v1/rooms/{room_id}/usage": { readonly query: { readonly group?: UsageGroup; readonly since?: string; readonly until?: string }; readonly body: undefined; readonly answer: UsageReport };
  /** What the AIs used on the whole server */
  readonly "GET /api/v1/admin/usage": { readonly query: { readonly group?: UsageGroup; readonly since?: string; readonly until?: string }; readonly body: undefined; readonly answer: UsageReport };
  /** The server's caps */
  readonly "GET /api/v1/admin/budget": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Budget };
  /** Replace the server's caps */
  readonly "PUT /api/v1/admin/budget": { readonly query: Readonly<Record<never, never>>; readonly body: Budget; readonly answer: Budget };
  /** How long the room keeps what is said, and what its rule or another one would remove now; changes nothing */
  readonly "GET /api/v1/rooms/{room_id}/retention": { readonly query: { readonly messages_days?: number; readonly files_days?: number; readonly keeps_pinned?: boolean }; readonly body: undefined; readonly answer: RetentionReport };
  /** The webhooks of a room */
  readonly "GET /api/v1/rooms/{room_id}/hooks": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: HookList };
  /** Make a secret that fires a webhook rule */
  readonly "POST /api/v1/rooms/{room_id}/hooks": { readonly query: Readonly<Record<never, never>>; readonly body: NewHook; readonly answer: HookMade };
  /** Revoke a webhook */
  readonly "DELETE /api/v1/rooms/{room_id}/hooks/{hook_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Fire a webhook: its secret as Authorization: Bearer, at most 16 KiB of text or JSON as material for the AI, an Idempotency-Key if it may be sent again */
  readonly "POST /api/v1/hooks": { readonly query: Readonly<Record<never, never>>; readonly body: string; readonly answer: Committed };
  /** All accounts */
  readonly "GET /api/v1/admin/accounts": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: AccountList };
  /** Make an account */
  readonly "POST /api/v1/admin/accounts": { readonly query: Readonly<Record<never, never>>; readonly body: NewAccount; readonly answer: AccountView };
  /** Disable an account; its sessions end */
  readonly "POST /api/v1/admin/accounts/{account_id}/disable": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: AccountView };
  /** Enable an account again */
  readonly "POST /api/v1/admin/accounts/{account_id}/enable": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: AccountView };
  /** Make a one-time sign-in link; an earlier one ends */
  readonly "POST /api/v1/admin/accounts/{account_id}/login-link": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: LoginLink };
  /** What would go if I had all that I have said erased */
  readonly "GET /api/v1/me/erasure": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ErasurePreview };
  /** Erase all that I have said, and disable my account, for good */
  readonly "POST /api/v1/me/erasure": { readonly query: Readonly<Record<never, never>>; readonly body: OwnErasure; readonly answer: Erasure };
  /** How far the erasure of a person is, or what it would take */
  readonly "GET /api/v1/admin/accounts/{account_id}/erasure": { readonly query: { readonly preview?: boolean }; readonly body: undefined; readonly answer: ErasureReport };
  /** Erase all that a person has said, and disable the account, for good */
  readonly "POST /api/v1/admin/accounts/{account_id}/erasure": { readonly query: Readonly<Record<never, never>>; readonly body: ErasureOrder; readonly answer: Erasure };
  /** All AI accounts and their profiles */
  readonly "GET /api/v1/admin/ai": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ProfileList };
  /** Make an AI account of a profile */
  readonly "POST /api/v1/admin/ai": { readonly query: Readonly<Record<never, never>>; readonly body: AiProfile; readonly answer: ProfileView };
  /** One AI account's profile */
  readonly "GET /api/v1/admin/ai/{account_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ProfileView };
  /** Change a profile */
  readonly "PUT /api/v1/admin/ai/{account_id}": { readonly query: Readonly<Record<never, never>>; readonly body: ChangedProfile; readonly answer: ProfileView };
  /** Remove an AI that is in no room */
  readonly "DELETE /api/v1/admin/ai/{account_id}": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Let an AI answer no more, in any room */
  readonly "POST /api/v1/admin/ai/{account_id}/disable": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ProfileView };
  /** Let an AI answer again */
  readonly "POST /api/v1/admin/ai/{account_id}/enable": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ProfileView };
  /** Set the key of an AI's provider */
  readonly "PUT /api/v1/admin/ai/{account_id}/key": { readonly query: Readonly<Record<never, never>>; readonly body: NewKey; readonly answer: ProfileView };
  /** Remove an AI's own key */
  readonly "DELETE /api/v1/admin/ai/{account_id}/key": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ProfileView };
  /** Ask an AI's model for one word, and say whether it answers and how fast */
  readonly "POST /api/v1/admin/ai/{account_id}/test": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: ProfileTest };
  /** Privileged acts on the server, in order */
  readonly "GET /api/v1/admin/audit": { readonly query: { readonly after?: number; readonly limit?: number }; readonly body: undefined; readonly answer: AuditPage };
  /** Privileged acts in a room, in order */
  readonly "GET /api/v1/rooms/{room_id}/audit": { readonly query: { readonly after?: number; readonly limit?: number }; readonly body: undefined; readonly answer: AuditPage };
  /** Alive */
  readonly "GET /healthz": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Alive };
  /** Ready to serve: the database answers */
  readonly "GET /readyz": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: Alive };
  /** Health in full */
  readonly "GET /api/v1/health": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: HealthStatus };
  /** Figures for Prometheus: from this machine, or as an operator */
  readonly "GET /metrics": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** This document */
  readonly "GET /openapi.json": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** The API to read */
  readonly "GET /api/docs": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Its style */
  readonly "GET /api/docs.css": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
  /** Its script */
  readonly "GET /api/docs.js": { readonly query: Readonly<Record<never, never>>; readonly body: undefined; readonly answer: undefined };
}
