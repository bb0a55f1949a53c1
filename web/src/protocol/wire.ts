// Made by `python -m multiplayer.protocol.schema --typescript`; change multiplayer/protocol/ instead.
export const SUBPROTOCOL = "multiplayer.v1";
export const MAX_FRAME_BYTES = 65536;
export const CLOSE = { bye: 1000, too_big: 1009, restarting: 1012, no_hello: 4000, unauthenticated: 4001, disabled: 4003, unreadable: 4004, too_slow: 4008, too_many: 4029 } as const;

/** Committed. `seq` and `event_id` are those of the first event; both absent for what is not an event. */
export interface Accepted {
  readonly type: "accepted";
  readonly re: string;
  readonly seq?: number;
  readonly event_id?: string;
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

export interface AddReaction {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "add_reaction";
  readonly message_id: string;
  readonly emoji: string;
}

/** Further cards of a running turn, after the first `offset`. The message at its end has them all. */
export interface AiCards {
  readonly type: "ai_cards";
  readonly room_id: string;
  readonly turn_id: string;
  readonly offset: number;
  readonly cards: readonly Card[];
}

/** A piece of a turn's text. `offset` counts Unicode code points; `index` runs 0, 1, 2 … */
export interface AiDelta {
  readonly type: "ai_delta";
  readonly room_id: string;
  readonly turn_id: string;
  readonly index: number;
  readonly offset: number;
  readonly text: string;
}

/** The whole text and all cards so far; replaces what a client holds. The next delta has `index`. */
export interface AiText {
  readonly type: "ai_text";
  readonly room_id: string;
  readonly turn_id: string;
  readonly index: number;
  readonly text: string;
  readonly cards: readonly Card[];
}

/** A piece of the model's reasoning, when the provider tells it. Never stored. */
export interface AiThinking {
  readonly type: "ai_thinking";
  readonly room_id: string;
  readonly turn_id: string;
  readonly text: string;
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

/** Another of a message's alternatives stands now. */
export interface AnswerChosen {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "answer_chosen";
  readonly message_id: string;
  readonly index: number;
  readonly revision: number;
}

/** Fills in a form that an AI gave to the room; the AI goes on with the answers. */
export interface AnswerForm {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "answer_form";
  readonly message_id: string;
  readonly answers: readonly FormAnswer[];
}

export type AnswerLine = Welcome | Joined | Accepted | RefusedLine | Pong;

/** The AI gave another answer in the place of this message's; it is the one that stands now. */
export interface AnswerRegenerated {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "answer_regenerated";
  readonly message_id: string;
  readonly answer: Answer;
  readonly revision: number;
  readonly mentions: readonly string[];
  readonly is_redacted: boolean;
}

/** A call that waits to be approved. The exact call is that of the `tool_called` event with its `call_id`. */
export interface ApprovalCard {
  readonly tool_class: ToolClass;
  /** Of the call as it would run; a decision names it. */
  readonly sha256: string;
  readonly decider: Decider;
  /** How many people must approve. */
  readonly needed: number;
  readonly reason: string;
  readonly expires_at: string;
  /** Part of what `sha256` stands for. None: the card is from before they were told. */
  readonly limits?: CallLimits;
  readonly approved_by: readonly string[];
  readonly rejected_by?: string;
  readonly is_expired?: boolean;
}

/** The actor approved the call or rejected it. */
export interface ApprovalDecided {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "approval_decided";
  readonly turn_id: string;
  readonly call_id: string;
  readonly is_approved: boolean;
}

export interface ApprovalExpired {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "approval_expired";
  readonly turn_id: string;
  readonly call_id: string;
}

/** How a room has tool calls approved. Everything but the standing rules and `members_confirm` only tightens. */
export interface ApprovalPolicy {
  /** How many people must approve a call. */
  readonly approvers?: number;
  /** Whoever asked never approves it. */
  readonly not_asker?: boolean;
  /** A member's request to write files is confirmed, too. */
  readonly asks_before_writes?: boolean;
  /** An admin's own terminal commands are confirmed, too. */
  readonly admins_confirm?: boolean;
  /** A member who asks may approve the terminal command; else an admin does. */
  readonly members_confirm?: boolean;
  /** After so long without a decision a call is refused; in a tainted turn after 300 s at most. */
  readonly expires_s?: number;
  readonly standing?: readonly StandingRule[];
}

/** The call waits for people. What it is says the `tool_called` event with this `call_id`; `sha256` binds it. */
export interface ApprovalRequested {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "approval_requested";
  readonly turn_id: string;
  readonly call_id: string;
  readonly tool_class: ToolClass;
  readonly sha256: string;
  readonly decider: Decider;
  readonly needed: number;
  readonly reason: string;
  readonly expires_at: string;
  readonly limits?: CallLimits;
}

/** An archived room can be read, not written; `is_archived` false opens it again. */
export interface ArchiveRoom {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "archive_room";
  readonly is_archived?: boolean;
}

/** Asks an AI for a turn without writing a message. Without `ai_id`: the room's default AI. */
export interface AskAi {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "ask_ai";
  readonly ai_id?: string;
  readonly message_id?: string;
}

/** Have a recording written down (again), where that failed, was stopped, or never began. The message's author, or who may delete anybody's message. */
export interface AskTranscript {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "ask_transcript";
  readonly message_id: string;
  readonly attachment_id: string;
}

/** A file of a message, as it stands. `content_type` is found by its content; empty until it is ready. */
export interface Attachment {
  readonly id: string;
  readonly name: string;
  /** In bytes: as said while it is pending, as counted once it is ready. */
  readonly size: number;
  readonly state: AttachmentState;
  /** Why it failed or was removed, in plain words. */
  readonly reason?: string;
  readonly content_type?: string;
  readonly family: FileFamily;
  readonly width?: number;
  /** Of an image, in pixels, turned as it is to be shown. */
  readonly height?: number;
  readonly pages?: number;
  readonly has_thumbnail?: boolean;
  /** Its text can be read, by people and by AIs. */
  readonly has_text?: boolean;
  /** A browser may show it in the page: pictures of dots, sound, moving pictures, plain text and PDF. */
  readonly is_inline_safe?: boolean;
  /** Of a recording; none if nobody has been asked to listen. */
  readonly transcript?: Transcript;
}

/** A file of a message is not as it was: it has arrived, failed, or was taken off. */
export interface AttachmentChanged {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "attachment_changed";
  readonly message_id: string;
  readonly attachment: Attachment;
  readonly is_redacted?: boolean;
}

/** `ready` is only what lies in the store whole, with the checksum that its bytes have. */
export type AttachmentState = "pending" | "ready" | "failed" | "removed";

export interface BanLifted {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "ban_lifted";
  readonly account_id: string;
}

/** What may be used in all, and by each person who asks. Of several caps the most restrictive wins. */
export interface Budget {
  readonly total?: Caps;
  readonly per_asker?: Caps;
}

export interface BudgetSet {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "budget_set";
  readonly budget: Budget;
}

/** What one call may use at most, as far as it matters for its class. */
export interface CallLimits {
  /** How long it may run. */
  readonly wall_s: number;
  /** Of all its processes together. 0, here and below: it runs no command. */
  readonly memory_bytes?: number;
  /** What it may print. */
  readonly output_bytes?: number;
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
  /** Where the title leads: an http or https address, or empty. */
  readonly url: string;
  readonly site: string;
  readonly text: string;
  readonly score?: number;
  /** Further addresses that the site names as what it was made from. */
  readonly sources: readonly string[];
}

export type ChangeKind = "added" | "changed" | "removed";

/** An AI would like the room to remember something, or to forget a fact. A member decides. */
export interface ChangeProposed {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "change_proposed";
  readonly turn_id: string;
  readonly proposal: Proposal;
  readonly is_redacted?: boolean;
}

/** Makes one of several answers the one that stands; `index` counts `alternatives` from 0. */
export interface ChooseAnswer {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "choose_answer";
  readonly message_id: string;
  readonly index: number;
}

export type ClientLine = SessionRequest | Command;

export type CloseCode = 1000 | 1009 | 1012 | 4000 | 4001 | 4003 | 4004 | 4008 | 4029;

/** The last line: the close code and what to do. */
export interface Closing {
  readonly type: "closing";
  readonly code: number;
  readonly hint: string;
  readonly reconnect_ms?: number;
}

export type Command = PostMessage | EditMessage | DeleteMessage | RemoveAttachment | EditTranscript | StopTranscript | AskTranscript | AddReaction | RemoveReaction | PinMessage | UnpinMessage | MarkRead | SetTyping | InviteMember | RemoveMember | LiftBan | SetRole | LeaveRoom | RenameRoom | SetTopic | SetRoomSettings | ArchiveRoom | DeleteRoom | AskAi | StopTurn | SteerTurn | RegenerateAnswer | ChooseAnswer | AnswerForm | EditSummary | PinFact | ForgetFact | SetBudget | DecideApproval | UndoTurn | DecideProposal;

/** A tool of an outside server (MCP) that the room has agreed to, as it was defined then and where it came from. */
export interface Consent {
  readonly server: string;
  readonly tool: string;
  /** Of its definition and of its server's address or program line: what changed in them needs new consent. */
  readonly sha256: string;
}

/** A place in a room's log: `seq` in the history `epoch`. */
export interface Cursor {
  readonly epoch: string;
  readonly seq: number;
}

/** Approves a tool call or rejects it. `sha256` is that of the card: what was read is what is approved. */
export interface DecideApproval {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "decide_approval";
  readonly turn_id: string;
  readonly call_id: string;
  readonly sha256: string;
  readonly is_approved: boolean;
}

/** Takes what an AI proposes to remember or to forget, or drops it. */
export interface DecideProposal {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "decide_proposal";
  readonly proposal_id: string;
  readonly is_accepted: boolean;
}

/** Who may approve a call. Guests and AIs never do. */
export type Decider = "admin" | "asker";

/** Leaves a tombstone. The text is gone from history, search and the log. */
export interface DeleteMessage {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "delete_message";
  readonly message_id: string;
}

/** The room is gone for everyone, at once. */
export interface DeleteRoom {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "delete_room";
}

export interface EditMessage {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "edit_message";
  readonly message_id: string;
  readonly text: string;
}

/** Replaces the points of summary `version`, which must be the newest. What a person changed stays as it is said. */
export interface EditSummary {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "edit_summary";
  readonly version: number;
  readonly points: readonly PointEdit[];
}

/** Write what is said in a recording: the message's author. Not while somebody listens to it. */
export interface EditTranscript {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "edit_transcript";
  readonly message_id: string;
  readonly attachment_id: string;
  readonly text: string;
}

export type Event = RoomCreated | RoomRenamed | TopicSet | RoomSettingsSet | RoomArchived | RoomDeleted | MemberJoined | MemberLeft | MemberRemoved | BanLifted | RoleChanged | MessagePosted | MessageEdited | MessageDeleted | AttachmentChanged | ReactionAdded | ReactionRemoved | MessagePinned | MessageUnpinned | TurnRequested | TurnCollected | TurnSteered | SteeringTaken | ModelChanged | TurnStarted | TurnStopRequested | TurnEnded | ToolCalled | ApprovalRequested | ApprovalDecided | ApprovalExpired | ToolStarted | ToolFinished | FilesChanged | UndoRequested | TurnUndone | ChangeProposed | ProposalDecided | AnswerRegenerated | AnswerChosen | FormAnswered | SummaryUpdated | FactPinned | FactForgotten | BudgetSet;

/** Every so many messages that people wrote; 1: each of them, as in a room of one person and an AI. */
export interface EveryRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
  readonly type: "every";
  readonly messages: number;
}

/** Something the room's AIs always know. It comes from a message, or from whoever pinned it. */
export interface Fact {
  readonly id: string;
  readonly text: string;
  readonly by: string;
  readonly at: string;
  /** The message it was taken from. When that is deleted, the fact goes with it. */
  readonly message_id?: string;
  /** Of an AI's proposal that was accepted: what untrusted words its turn had seen. What a person pins has none. */
  readonly taint?: readonly Taint[];
}

/** Its text is gone from the log, too. */
export interface FactForgotten {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "fact_forgotten";
  readonly fact_id: string;
}

export interface FactPinned {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "fact_pinned";
  readonly fact: Fact;
  readonly is_redacted: boolean;
}

/** One path of the workspace that is not as it was. The digests are of its content; a folder or link has none. */
export interface FileChange {
  readonly path: string;
  readonly kind: ChangeKind;
  readonly before?: string;
  readonly after?: string;
  readonly added_lines?: number;
  readonly removed_lines?: number;
  readonly is_text?: boolean;
}

/** What one may do with a file; found by its content, never by its name. */
export type FileFamily = "image" | "audio" | "video" | "pdf" | "office" | "text" | "archive" | "other";

/** Files of the workspace are not as they were: by a tool call (the actor is the AI), or by a person's hand. `before` and `after` are the hashes of the whole workspace. `more` changes are not named. */
export interface FilesChanged {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "files_changed";
  readonly turn_id?: string;
  readonly call_id?: string;
  readonly changes: readonly FileChange[];
  readonly more?: number;
  readonly before: string;
  readonly after: string;
  readonly asked_by?: readonly string[];
  readonly approved_by?: readonly string[];
  /** What untrusted words the turn had seen that wrote them. */
  readonly taint?: readonly Taint[];
}

export interface ForgetFact {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "forget_fact";
  readonly fact_id: string;
}

/** Questions to the room. Whoever may ask the AI may answer, once; the answers become its next request. */
export interface Form {
  readonly text: string;
  readonly questions: readonly Question[];
  readonly answers: readonly FormAnswer[];
  readonly answered_by?: string;
  readonly answered_at?: string;
}

/** What was answered to one question: one text, or the chosen of several. */
export interface FormAnswer {
  readonly question_id: string;
  readonly values: readonly string[];
}

export interface FormAnswered {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "form_answered";
  readonly message_id: string;
  readonly answers: readonly FormAnswer[];
  readonly is_redacted: boolean;
}

export interface Hello {
  readonly token?: string;
  readonly ticket?: string;
  readonly type: "hello";
  readonly client?: string;
}

/** Makes an account a member at once. An AI account becomes an AI member whatever role is named. */
export interface InviteMember {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "invite_member";
  readonly handle: string;
  readonly role?: Role;
  readonly until?: string;
}

/** A numbered piece of what a background job prints. `job_tail` and `GET …/jobs` have the whole. */
export interface JobOutput {
  readonly type: "job_output";
  readonly room_id: string;
  readonly job_id: string;
  readonly index: number;
  readonly text: string;
}

/** Opens a room on this session. Without `after`: a snapshot. */
export interface Join {
  readonly type: "join";
  readonly id: string;
  readonly room_id: string;
  readonly after?: Cursor;
}

/** `snapshot` is null when the log goes on from the client's cursor; the missing events follow. */
export interface Joined {
  readonly type: "joined";
  readonly re: string;
  readonly room_id: string;
  readonly seq: number;
  readonly snapshot?: Snapshot;
}

/** One of these words, as whole words in any case, outside code and quotes. */
export interface KeywordRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
  readonly type: "keyword";
  readonly words: readonly string[];
}

/** Closes a room on this session; the membership stays. */
export interface Leave {
  readonly type: "leave";
  readonly id: string;
  readonly room_id: string;
}

export interface LeaveRoom {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "leave_room";
}

export interface LiftBan {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "lift_ban";
  readonly account_id: string;
}

/** Everything up to `seq` is read. Not an event: the answer carries no seq. The mark never goes back. */
export interface MarkRead {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "mark_read";
  readonly seq: number;
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
  /** When a guest's membership ends by itself. */
  readonly until?: string;
}

export interface MemberJoined {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "member_joined";
  readonly member: Member;
  readonly invite_id?: string;
  /** Of a direct room: the person who stays in it by another name, because their content was erased. */
  readonly is_erased?: boolean;
}

export interface MemberLeft {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "member_left";
  readonly account_id: string;
}

export interface MemberRemoved {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "member_removed";
  readonly account_id: string;
  readonly is_banned: boolean;
  readonly is_expired: boolean;
  /** The person's content was erased, who need not have been a member any more: earlier lines are not as they were. */
  readonly is_erased?: boolean;
}

/** Mentions of many at once. The rest of the reserved handles are roles' names. */
export type MentionGroup = "all" | "here" | "owner" | "admin" | "member" | "guest";

/** `@handle`, or `@ai` for the default one. Without a cooldown: who is addressed by name answers. */
export interface MentionRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
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
  readonly mentions: readonly string[];
  readonly mention_groups: readonly MentionGroup[];
  readonly revision: number;
  readonly edited_at?: string;
  readonly deleted_at?: string;
  readonly deleted_by?: string;
  readonly deleted_because?: "" | "retention" | "erasure";
  readonly reactions: readonly Reaction[];
  readonly asked_by?: readonly string[];
  readonly answers?: readonly string[];
  readonly cards?: readonly Card[];
  readonly form?: Form;
  readonly taint?: readonly Taint[];
  readonly attachments?: readonly Attachment[];
  /** All answers that were given here, oldest first, once it was asked to answer again. `text` is the chosen one's. */
  readonly alternatives?: readonly Answer[];
  readonly chosen: number;
}

/** A message as it was posted. Its id is the id of its `message_posted` event. */
export interface MessageBody {
  readonly id: string;
  readonly text: string;
  readonly reply_to?: string;
  /** The first message of the thread, stamped by the server when `reply_to` is given. */
  readonly thread_root?: string;
  /** The turn that wrote it, for an AI's answer. */
  readonly turn_id?: string;
  /** For an AI's answer: in whose name it was given. */
  readonly asked_by?: readonly string[];
  /** For an AI's answer: the messages it answers. */
  readonly answers?: readonly string[];
  readonly cards?: readonly Card[];
  readonly form?: Form;
  /** For an AI's answer: from what untrusted sources words may have come into it. */
  readonly taint?: readonly Taint[];
  readonly attachments?: readonly Attachment[];
}

export interface MessageDeleted {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "message_deleted";
  readonly message_id: string;
  readonly because?: "" | "retention" | "erasure";
}

export interface MessageEdited {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "message_edited";
  readonly message_id: string;
  readonly text: string;
  readonly revision: number;
  readonly mentions: readonly string[];
  readonly mention_groups: readonly MentionGroup[];
  readonly is_redacted: boolean;
}

export interface MessagePinned {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "message_pinned";
  readonly message_id: string;
}

export interface MessagePosted {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "message_posted";
  readonly message: MessageBody;
  readonly mentions: readonly string[];
  readonly mention_groups: readonly MentionGroup[];
  /** The message was deleted later and its text taken out of the log. */
  readonly is_redacted: boolean;
}

export interface MessageUnpinned {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "message_unpinned";
  readonly message_id: string;
}

/** Another model answers in this turn, because the one before it could not. */
export interface ModelChanged {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "model_changed";
  readonly turn_id: string;
  readonly model: string;
  readonly previous: string;
  readonly reason: string;
}

/** Tells the room's AIs something that they always know. */
export interface PinFact {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "pin_fact";
  readonly text: string;
  readonly message_id?: string;
}

export interface PinMessage {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "pin_message";
  readonly message_id: string;
}

export interface Ping {
  readonly type: "ping";
  readonly id: string;
}

/** A point as a person wants it. With the `id` of one that is there: kept, or changed if the words differ. */
export interface PointEdit {
  readonly id?: string;
  readonly section: Section;
  readonly text: string;
}

export interface Pong {
  readonly type: "pong";
  readonly re: string;
}

/** With attachments, `text` may be empty. Each is the sender's own, uploaded to this room, and used once. */
export interface PostMessage {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "post_message";
  readonly text: string;
  readonly reply_to?: string;
  readonly attachments?: readonly string[];
}

export type Presence = "online" | "offline";

export interface PresenceChanged {
  readonly type: "presence";
  readonly room_id: string;
  readonly account_id: string;
  readonly presence: Presence;
}

/** What an AI proposes: to remember `text`, or to forget the fact `fact_id`. Nothing happens until a member agrees. */
export interface Proposal {
  readonly id: string;
  readonly by: string;
  readonly at: string;
  readonly text: string;
  readonly fact_id?: string;
  readonly taint?: readonly Taint[];
}

export interface ProposalDecided {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "proposal_decided";
  readonly proposal_id: string;
  readonly is_accepted: boolean;
}

export interface Question {
  readonly id: string;
  readonly text: string;
  readonly kind: QuestionKind;
  readonly choices: readonly string[];
}

export type QuestionKind = "text" | "one_of" | "any_of";

export interface Reaction {
  readonly emoji: string;
  readonly account_ids: readonly string[];
}

export interface ReactionAdded {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "reaction_added";
  readonly message_id: string;
  readonly emoji: string;
}

export interface ReactionRemoved {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "reaction_removed";
  readonly message_id: string;
  readonly emoji: string;
  /** All that the actor had reacted with to this message is gone; `emoji` names none of it. */
  readonly is_erased?: boolean;
}

export interface ReadMark {
  readonly seq: number;
  readonly unread: number;
  readonly mentions: number;
}

export interface ReadMarked {
  readonly type: "read_marked";
  readonly room_id: string;
  readonly seq: number;
}

/** Why a command was refused. The same codes stand in `refused` lines and in HTTP problem details. */
export type RefusalCode = "malformed" | "unauthenticated" | "forbidden" | "not_found" | "too_long" | "too_big" | "key_reused" | "conflict" | "no_change" | "rate_limited" | "busy" | "limit_reached" | "banned" | "last_owner" | "archived" | "unavailable" | "unknown" | "expired";

/** Not carried out. `re` is absent when the line could not be read far enough to know. */
export interface RefusedLine {
  readonly type: "refused";
  readonly re?: string;
  readonly code: RefusalCode;
  readonly message: string;
  readonly retry_after_s?: number;
}

/** Asks the AI to answer again. The answers before it stay, as alternatives. */
export interface RegenerateAnswer {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "regenerate_answer";
  readonly message_id: string;
}

/** Take a file off a message: its author, or who may delete anybody's message. */
export interface RemoveAttachment {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "remove_attachment";
  readonly message_id: string;
  readonly attachment_id: string;
}

/** `ban`: no way back until the ban is lifted. */
export interface RemoveMember {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "remove_member";
  readonly account_id: string;
  readonly ban?: boolean;
}

export interface RemoveReaction {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "remove_reaction";
  readonly message_id: string;
  readonly emoji: string;
}

export interface RenameRoom {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "rename_room";
  readonly name: string;
}

/** A new token or ticket of the same account keeps the session. */
export interface Renew {
  readonly token?: string;
  readonly ticket?: string;
  readonly type: "renew";
  readonly id: string;
}

/** A reply to one of its messages. */
export interface ReplyRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
  readonly type: "reply";
}

/** What this client holds of the room is void: join again without `after`. */
export interface Reset {
  readonly type: "reset";
  readonly room_id: string;
  readonly reason: string;
}

/** A room's rule. None: for good, as far as the server's own rule lets it. */
export interface Retention {
  /** Messages older than this are deleted, with all that was derived from them. */
  readonly messages_days?: number;
  /** Files of messages older than this are removed; the words stay. */
  readonly files_days?: number;
  /** Pinned messages stay, and their files, however old they are. */
  readonly keeps_pinned?: boolean;
}

/** A member's role in one room. `AI` stands aside of the ranks and never has more than the person who asked. */
export type Role = "owner" | "admin" | "member" | "guest" | "ai";

export interface RoleChanged {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "role_changed";
  readonly account_id: string;
  readonly role: Role;
  readonly previous: Role;
}

/** For the room list: how a room of this account, which is not joined on this session, stands at `seq`. Told when something was said in it, when a turn began, waits for people to decide or has ended, and when its name, its topic or its being archived was changed; at most once per room and second. What moved in between is in it. A room that is not in the list is one that this account has come into: the list has more of it. */
export interface RoomActivity {
  readonly type: "room_activity";
  readonly room_id: string;
  readonly seq: number;
  readonly unread: number;
  readonly mentions: number;
  readonly is_ai_working: boolean;
  readonly needs_approval: boolean;
  /** This and the next two: absent if the server is older than they are. */
  readonly name?: string;
  readonly topic?: string;
  readonly is_archived?: boolean;
}

export interface RoomAdded {
  readonly type: "room_added";
  readonly room: RoomView;
}

export interface RoomArchived {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "room_archived";
  readonly is_archived: boolean;
}

export interface RoomCreated {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "room_created";
  readonly kind: RoomKind;
  readonly name: string;
  readonly topic: string;
  readonly settings: RoomSettings;
  readonly members: readonly Member[];
}

export interface RoomDeleted {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "room_deleted";
}

export type RoomKind = "room" | "direct";

export interface RoomRemoved {
  readonly type: "room_removed";
  readonly room_id: string;
}

export interface RoomRenamed {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "room_renamed";
  readonly name: string;
}

/** What owners and admins may switch; the defaults are the table of rights' brackets. */
export interface RoomSettings {
  /** Off: a guest reads only what was said from joining on. */
  readonly guests_see_history?: boolean;
  readonly guests_post?: boolean;
  readonly guests_ask_ai?: boolean;
  readonly guests_see_workspace?: boolean;
  readonly members_invite?: boolean;
  /** Whom `@ai` means. None: the first AI that joined. */
  readonly default_ai?: string;
  /** How the room wants its AI to be; a part of the AI's prompt, at most 4,000 characters. */
  readonly persona?: string;
  /** When an AI takes a turn. `ask_ai` always works. */
  readonly triggers?: readonly (MentionRule | ReplyRule | ThreadRule | KeywordRule | EveryRule | ScheduleRule | WebhookRule)[];
  readonly while_busy?: WhileBusy;
  /** An AI that is named or replied to by another one answers, at most two hops from a person's request. */
  readonly ai_to_ai?: boolean;
  /** How often one AI may call the same other one. */
  readonly ai_pairs_per_hour?: number;
  /** Names of the tools that AIs may use in this room. None: all that the server offers. */
  readonly tools?: readonly string[];
  readonly approvals?: ApprovalPolicy;
  /** Tools of outside servers (MCP) that this room has agreed to. */
  readonly consents?: readonly Consent[];
  /** AIs of this room may read web pages; each reading is approved as the net is. */
  readonly fetches_urls?: boolean;
  /** Fold what was said into the summary after so many messages. None: when its share of the prompt is full. */
  readonly summarise_after?: number;
  /** Tell the room what a model thinks before it answers, if its provider tells. */
  readonly shows_thinking?: boolean;
  /** How long the room keeps what is said; owners only. Not written where it keeps all. */
  readonly retention?: Retention;
}

export interface RoomSettingsSet {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "room_settings_set";
  readonly settings: RoomSettings;
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

/** At a time of day in a time zone, like Europe/Berlin; `days` are 1 (Monday) to 7, none means every day. */
export interface ScheduleRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
  readonly set_by?: string;
  /** What is asked. */
  readonly prompt?: string;
  readonly type: "schedule";
  readonly at: string;
  readonly zone?: string;
  readonly days?: readonly number[];
}

/** Where a point of the summary stands, in this order. */
export type Section = "topic" | "decisions" | "questions" | "actions" | "facts" | "other";

/** The server will restart; `reconnect_ms` is when to come back. */
export interface ServerDraining {
  readonly type: "server_draining";
  readonly reconnect_ms: number;
}

export type ServerLine = Event | Signal | AnswerLine;

/** The sign-in ends at `at`; `renew` keeps the session. */
export interface SessionExpiring {
  readonly type: "session_expiring";
  readonly at: string;
}

export type SessionRequest = Hello | Renew | Ping | Join | Leave;

/** Replaces the room's caps as a whole. */
export interface SetBudget {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "set_budget";
  readonly budget: Budget;
}

/** `owner` makes a further owner; to hand the room over, step down after it. */
export interface SetRole {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "set_role";
  readonly account_id: string;
  readonly role: Role;
}

/** Replaces the settings as a whole (`PATCH …/rooms/{room_id}` changes what it is given). */
export interface SetRoomSettings {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "set_room_settings";
  readonly settings: RoomSettings;
}

export interface SetTopic {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "set_topic";
  readonly topic: string;
}

/** Passing: told to the others, not stored. Ends by itself after some seconds. */
export interface SetTyping {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "set_typing";
  readonly is_typing?: boolean;
}

export type Signal = AiDelta | AiText | AiCards | AiThinking | ToolOutput | JobOutput | Typing | PresenceChanged | TurnProgress | TranscriptProgress | Reset | ServerDraining | ReadMarked | RoomAdded | RoomRemoved | RoomActivity | SessionExpiring | Closing;

/** Everything a joining client needs, true at `seq`. The events after `seq` bring it up to date. */
export interface Snapshot {
  readonly room: RoomView;
  readonly seq: number;
  readonly members: readonly Member[];
  readonly banned: readonly string[];
  readonly pins: readonly string[];
  readonly turns: readonly TurnState[];
  readonly summary?: Summary;
  readonly facts: readonly Fact[];
  /** What AIs propose to remember or to forget, and nobody has decided yet. */
  readonly proposals: readonly Proposal[];
  readonly budget: Budget;
  /** The last 50, oldest first; fewer, if they are long. */
  readonly messages: readonly Message[];
  /** There may be older ones that this member may read: `GET …/messages` brings them. */
  readonly has_older: boolean;
  readonly online: readonly string[];
  readonly read: ReadMark;
}

/** Calls of a class run without being approved one by one, until a time. Never in a tainted turn, never for guests. */
export interface StandingRule {
  readonly tool_class: ToolClass;
  readonly until: string;
  /** Stamped by the server. */
  readonly set_by?: string;
}

/** Says something to a running turn: a message that everyone reads, told to the model at its next step. */
export interface SteerTurn {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "steer_turn";
  readonly turn_id: string;
  readonly text: string;
}

/** The model of a running turn was told these messages. */
export interface SteeringTaken {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "steering_taken";
  readonly turn_id: string;
  readonly messages: readonly string[];
}

/** Have nobody listen to a recording: the message's author, or who may delete anybody's message. */
export interface StopTranscript {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "stop_transcript";
  readonly message_id: string;
  readonly attachment_id: string;
}

export interface StopTurn {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "stop_turn";
  readonly turn_id: string;
}

/** One version of the summary. `points` empty: it was taken back, or there was nothing to say. */
export interface Summary {
  readonly version: number;
  /** The last event that the summary covers. */
  readonly up_to_seq: number;
  /** `extractive` (made locally from the messages' own sentences), the model's name, `edited` or `erased`. */
  readonly method: string;
  readonly points: readonly SummaryPoint[];
  readonly taint: readonly Taint[];
  readonly edited_by?: string;
  /** Names what is kept of the room at `up_to_seq`, for the prompts that begin there. */
  readonly brief?: string;
}

/** One statement of a summary. What a person wrote (`by`) is kept word for word by later versions. */
export interface SummaryPoint {
  readonly id: string;
  readonly section: Section;
  readonly text: string;
  /** The messages it came from. When one is deleted, the point goes with it. */
  readonly sources: readonly string[];
  readonly by?: string;
}

/** A new version of the summary; replaces the one before. `edited_by`: a person wrote it. */
export interface SummaryUpdated {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "summary_updated";
  readonly version: number;
  readonly points: readonly SummaryPoint[];
  readonly up_to_seq: number;
  readonly method: string;
  readonly taint: readonly Taint[];
  readonly edited_by?: string;
  readonly brief?: string;
}

/** Where words come from that nobody in the room vouches for. */
export type Taint = "nlweb" | "web" | "mcp" | "file" | "guest" | "webhook";

/** Any message in a thread that it has spoken in, until the thread was quiet for `idle_s`. */
export interface ThreadRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
  readonly type: "thread";
  readonly idle_s?: number;
}

export interface TokenUsage {
  readonly model: string;
  readonly tokens_in: number;
  readonly tokens_cached: number;
  readonly tokens_out: number;
  /** Money in millionths of the price table's currency; None: no price known. In events only of older releases. */
  readonly cost_micros?: number;
  /** The provider gave no figures: counted by our own tokenizer. */
  readonly is_estimated: boolean;
  /** Which price list `cost_micros` was worked out with; in events as that. */
  readonly price_version?: string;
  /** How often a model was asked. */
  readonly calls: number;
}

export interface ToolCallState {
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
  readonly approval?: ApprovalCard;
  readonly is_started: boolean;
  /** The hash of the workspace right before it started, where it may change files. */
  readonly before?: string;
}

export interface ToolCalled {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "tool_called";
  readonly turn_id: string;
  readonly call_id: string;
  readonly name: string;
  readonly arguments: string;
  /** A message that it came of, or that it quotes, was deleted later: what it was told is taken out of the log. */
  readonly is_redacted?: boolean;
}

/** What a call can do. It follows from the tool and its options, never from the words of a command. */
export type ToolClass = "room" | "read" | "write" | "sensitive_write" | "terminal" | "extended" | "network" | "unsandboxed";

export interface ToolFinished {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "tool_finished";
  readonly turn_id: string;
  readonly call_id: string;
  readonly is_ok: boolean;
  readonly text: string;
  readonly code?: string;
  readonly exit_status?: number;
  readonly taint?: Taint;
  /** Such a message was deleted later: what the call came to is taken out of the log. */
  readonly is_redacted?: boolean;
}

/** A numbered piece of what a running tool prints. */
export interface ToolOutput {
  readonly type: "tool_output";
  readonly room_id: string;
  readonly turn_id: string;
  readonly call_id: string;
  readonly index: number;
  readonly text: string;
}

export interface ToolStarted {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "tool_started";
  readonly turn_id: string;
  readonly call_id: string;
  readonly tool_class?: ToolClass;
  /** The hash of the workspace right before, where the call may change files. */
  readonly before?: string;
}

export interface TopicSet {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "topic_set";
  readonly topic: string;
}

/** What is said in a recording, and how far it is written down. */
export interface Transcript {
  readonly state: TranscriptState;
  /** Once it is done; empty if nobody speaks. */
  readonly text?: string;
  /** Why it failed, or why it is tried again, in plain words. */
  readonly reason?: string;
  /** As whoever listened calls it: a code or a name. */
  readonly language?: string;
  /** The text is its author's, not that of whoever listened. */
  readonly is_edited?: boolean;
  /** While it runs: by then there is news, or whoever listened is gone and another may take it over. */
  readonly until?: string;
}

/** How much of a recording was listened to, between 0 and 1. What came of it is told by `attachment_changed`. */
export interface TranscriptProgress {
  readonly type: "transcript_progress";
  readonly room_id: string;
  readonly message_id: string;
  readonly attachment_id: string;
  readonly done: number;
}

export type TranscriptState = "queued" | "running" | "done" | "failed" | "stopped";

/** A further request joined a turn that still waits; it will be answered there. */
export interface TurnCollected {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly turn_id: string;
  readonly ai_id: string;
  readonly message_id?: string;
  readonly reason: TurnReason;
  readonly rule_id?: string;
  readonly on_behalf_of?: readonly string[];
  readonly hops?: number;
  /** A schedule or webhook began it, whoever passed it on: nobody is there who means it. */
  readonly is_unattended?: boolean;
  readonly note?: string;
  /** From where the note came, when it is told again for another answer. */
  readonly note_taint?: readonly Taint[];
  readonly is_redacted?: boolean;
  readonly type: "turn_collected";
}

export interface TurnEnded {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "turn_ended";
  readonly turn_id: string;
  readonly ai_id: string;
  readonly outcome: TurnOutcome;
  readonly reason: string;
  readonly message_id?: string;
  readonly usage?: TokenUsage;
}

/** How a turn ended; each turn has exactly one. */
export type TurnOutcome = "done" | "stopped" | "interrupted" | "failed" | "refused";

/** What a running turn is doing, in a word; `said` is what a provider tells of it. `approval`: it waits for people. */
export interface TurnProgress {
  readonly type: "turn_progress";
  readonly room_id: string;
  readonly turn_id: string;
  readonly phase: "context" | "model" | "tool" | "waiting" | "approval";
  readonly said: string;
}

/** Why an AI takes a turn. */
export type TurnReason = "mention" | "reply" | "thread" | "keyword" | "every" | "schedule" | "webhook" | "asked" | "steered" | "form" | "regenerate";

export interface TurnRequested {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly turn_id: string;
  readonly ai_id: string;
  readonly message_id?: string;
  readonly reason: TurnReason;
  readonly rule_id?: string;
  readonly on_behalf_of?: readonly string[];
  readonly hops?: number;
  /** A schedule or webhook began it, whoever passed it on: nobody is there who means it. */
  readonly is_unattended?: boolean;
  readonly note?: string;
  /** From where the note came, when it is told again for another answer. */
  readonly note_taint?: readonly Taint[];
  readonly is_redacted?: boolean;
  readonly type: "turn_requested";
  readonly replaces?: string;
}

export interface TurnStarted {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "turn_started";
  readonly turn_id: string;
  readonly fence: number;
  readonly pod: string;
}

/** A turn that has not ended: waiting (`fence` 0) or running under the fencing number of its holder. */
export interface TurnState {
  readonly turn_id: string;
  readonly ai_id: string;
  readonly askers: readonly string[];
  /** What is to be answered, oldest first. Empty when asked by `ask_ai` without a message. */
  readonly messages: readonly string[];
  readonly requested_at: string;
  readonly requested_seq: number;
  readonly reason: TurnReason;
  /** The trigger rule that made it. */
  readonly rule_id?: string;
  /** 0: a person asked. Else how many AIs have passed the request on. */
  readonly hops: number;
  /** The answer that is to be given again. */
  readonly replaces?: string;
  /** What a schedule or webhook asks, or the answers to a form: there is no message that says it. */
  readonly note: string;
  /** A schedule or webhook is among what asked: the turn has a guest's authority at most. */
  readonly is_unattended: boolean;
  readonly fence: number;
  /** The model that answers in place of the AI's own. */
  readonly model?: string;
  /** Messages that came into the running turn and were not yet told to the model. */
  readonly steering: readonly string[];
  /** From where untrusted words came into this turn by its tools. */
  readonly taint: readonly Taint[];
  readonly is_stop_requested: boolean;
  /** It is being stopped because this newer turn takes its place. */
  readonly superseded_by?: string;
  /** Calls made in this turn that have not finished. */
  readonly calls: readonly ToolCallState[];
  /** Tool calls made in this turn so far. */
  readonly steps: number;
  /** In a snapshot: the words so far. Not kept by the room itself. */
  readonly text: string;
  /** In a snapshot: the `index` that the next `ai_delta` of this turn will have. */
  readonly text_index: number;
  /** In a snapshot: the cards so far. */
  readonly cards: readonly Card[];
}

/** A further request joined a turn that runs; the model is told it at its next step. */
export interface TurnSteered {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly turn_id: string;
  readonly ai_id: string;
  readonly message_id?: string;
  readonly reason: TurnReason;
  readonly rule_id?: string;
  readonly on_behalf_of?: readonly string[];
  readonly hops?: number;
  /** A schedule or webhook began it, whoever passed it on: nobody is there who means it. */
  readonly is_unattended?: boolean;
  readonly note?: string;
  /** From where the note came, when it is told again for another answer. */
  readonly note_taint?: readonly Taint[];
  readonly is_redacted?: boolean;
  readonly type: "turn_steered";
}

export interface TurnStopRequested {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "turn_stop_requested";
  readonly turn_id: string;
  /** The turn that takes its place. */
  readonly superseded_by?: string;
}

/** What the turn had changed is as it was, or why it is not. `conflicts`: files that others changed since. */
export interface TurnUndone {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "turn_undone";
  readonly turn_id: string;
  readonly is_ok: boolean;
  readonly reason?: string;
  readonly changes: readonly FileChange[];
  readonly more?: number;
  readonly conflicts?: readonly string[];
}

export interface Typing {
  readonly type: "typing";
  readonly room_id: string;
  readonly account_id: string;
  readonly is_typing: boolean;
}

export interface UndoRequested {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
  readonly type: "undo_requested";
  readonly turn_id: string;
  readonly keeps_others?: boolean;
}

/** Puts the workspace back to what it was before the turn changed it. What others changed since is left alone. Without `keeps_others` nothing is undone if others changed the same files since. */
export interface UndoTurn {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "undo_turn";
  readonly turn_id: string;
  readonly keeps_others?: boolean;
}

export interface UnpinMessage {
  readonly id: string;
  readonly room_id: string;
  readonly key?: string;
  readonly type: "unpin_message";
  readonly message_id: string;
}

/** A POST to the address that was made for this rule. What it brings is material, never an instruction. */
export interface WebhookRule {
  readonly id: string;
  readonly is_on?: boolean;
  /** Which AI answers. None: whoever is addressed, or the room's default AI where nobody is. */
  readonly ai_id?: string;
  /** After it fired, it rests for so long. */
  readonly cooldown_s?: number;
  /** How often it may fire within a minute. */
  readonly per_min?: number;
  readonly set_by?: string;
  /** What is asked. */
  readonly prompt?: string;
  readonly type: "webhook";
  /** Stamped by the server when the rule is made, and kept while it stays: secrets are for the rule as it was made. */
  readonly key?: string;
}

/** `limits`: the numbers a client should know, by name; `file_bytes` is the largest file that a message may carry, `workspace_file_bytes` the largest that a person may put into a workspace at once. */
export interface Welcome {
  readonly type: "welcome";
  readonly session_id: string;
  readonly account: Account;
  readonly epoch: string;
  readonly server_time: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly heartbeat_s: number;
  /** How AIs' commands run on this server: `strict`, `landlock` or `off` (no terminal is offered). */
  readonly sandbox: string;
}

/** What a request does to an AI that is at a turn of this room already. */
export type WhileBusy = "collect" | "steer" | "interrupt";
