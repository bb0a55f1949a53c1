/** What a client knows of one room: true at `seq`, changed only by folding in what follows. Nothing here is mutated. */

import type {
  ApprovalCard,
  Budget,
  Card,
  Event,
  Fact,
  FilesChanged,
  Member,
  Message,
  Proposal,
  ReadMark,
  RoomView,
  Summary,
  Taint,
  ToolClass,
  TurnOutcome,
  TurnState,
  TurnUndone,
} from "../protocol/wire";

export interface RoomState {
  readonly id: string;
  /** One unbroken history of the server's database: a cursor is an epoch and a seq. */
  readonly epoch: string;
  readonly seq: number;
  readonly room: RoomView;
  readonly members: ReadonlyMap<string, Member>;
  /** Members of before, as far as we met them: who wrote an old message. */
  readonly gone: ReadonlyMap<string, Member>;
  readonly banned: ReadonlySet<string>;
  /** In order, without a gap from `oldestSeq` on. */
  readonly messages: readonly Message[];
  /** Everything after this seq is here: messages, and what else happened. */
  readonly oldestSeq: number;
  readonly hasOlder: boolean;
  readonly pins: readonly string[];
  /** Turns that wait or run. Their words so far are not here: see `Tails`. */
  readonly turns: ReadonlyMap<string, TurnState>;
  /** Turns that have ended, as far back as `oldestSeq`. */
  readonly ended: ReadonlyMap<string, EndedTurn>;
  /** Tool calls, finished ones too, as far back as `oldestSeq`; by `callKey`. */
  readonly calls: ReadonlyMap<string, ToolCall>;
  /** What happened beside messages and calls and is told in the timeline, in order. */
  readonly notices: readonly Event[];
  /** What came to messages and calls that are not here: told to them once their page of the history comes. */
  readonly missed: readonly Event[];
  /** Who had a turn stopped that has not ended yet. */
  readonly stopping: ReadonlyMap<string, string>;
  readonly summary: Summary | undefined;
  readonly facts: readonly Fact[];
  readonly proposals: readonly Proposal[];
  readonly budget: Budget;
  readonly online: ReadonlySet<string>;
  readonly typing: ReadonlySet<string>;
  /** How far this account has read, and what waits. */
  readonly read: ReadMark;
  /** What had been read when the room was last opened to be seen: where the unread line stands. */
  readonly readBefore: ReadMark;
  readonly isDeleted: boolean;
  /** This account is a member no more: it left, or was removed. */
  readonly isLeft: boolean;
}

export interface EndedTurn {
  readonly turnId: string;
  readonly aiId: string;
  readonly askers: readonly string[];
  /** What asked for it, as far as it is known. */
  readonly messages: readonly string[];
  readonly outcome: TurnOutcome;
  readonly reason: string;
  readonly messageId: string | undefined;
  readonly stoppedBy: string | undefined;
  readonly requestedSeq: number;
  readonly seq: number;
}

export type CallState =
  | "waiting" // told, not yet decided or started
  | "asking" // people are asked to approve it
  | "running"
  | "ok"
  | "failed"
  | "denied"
  | "expired"
  | "ended"; // its turn ended before it did

export interface ToolCall {
  readonly key: string;
  readonly turnId: string;
  readonly callId: string;
  readonly aiId: string;
  readonly askers: readonly string[];
  readonly name: string;
  /** JSON as the model wrote it. */
  readonly arguments: string;
  readonly toolClass: ToolClass | undefined;
  readonly state: CallState;
  readonly approval: ApprovalCard | undefined;
  /** Of `tool_called`: where it stands in the timeline. */
  readonly seq: number;
  readonly calledAt: string;
  readonly startedAt: string | undefined;
  readonly finishedAt: string | undefined;
  readonly text: string;
  readonly code: string | undefined;
  readonly exitStatus: number | undefined;
  readonly taint: Taint | undefined;
  readonly isRedacted: boolean;
  /** Files that it changed. */
  readonly changed: FilesChanged | undefined;
  readonly undone: TurnUndone | undefined;
}

export const callKey = (turnId: string, callId: string): string => `${turnId}/${callId}`;

/** A line of the timeline, in the order of `seq`. What runs stands at its end, under the seq of its request. */
export type TimelineItem =
  | { readonly kind: "message"; readonly id: string; readonly seq: number; readonly message: Message }
  | { readonly kind: "call"; readonly id: string; readonly seq: number; readonly call: ToolCall }
  | {
      readonly kind: "notice";
      readonly id: string;
      readonly seq: number;
      readonly event: Event;
      /** Events of its kind right after it, which a view tells in the same line. */
      readonly also?: readonly Event[];
    }
  | { readonly kind: "turn"; readonly id: string; readonly seq: number; readonly turn: TurnState }
  | { readonly kind: "pending"; readonly id: string; readonly seq: number; readonly pending: Pending };

/** A message of ours that the server has not committed yet. */
export interface Pending {
  readonly key: string;
  readonly roomId: string;
  readonly text: string;
  readonly replyTo: string | undefined;
  readonly attachments: readonly string[];
  readonly at: string;
  readonly state: "waiting" | "sending" | "refused";
  /** The server's sentence, where it was refused. */
  readonly reason: string | undefined;
  /** The code of that refusal. */
  readonly code?: string | undefined;
  /** Milliseconds of the page's clock: the server takes no more before. */
  readonly retryAt?: number | undefined;
}

/** The words of a running turn. */
export interface Tail {
  readonly text: string;
  readonly cards: readonly Card[];
  /** What the provider tells of the model's reasoning; never stored. */
  readonly thinking: string;
  readonly phase: "" | "context" | "model" | "tool" | "waiting" | "approval";
  readonly said: string;
}

/** What a running tool has printed so far, as far as it came; `skipped`: pieces are missing before the rest. */
export interface Output {
  readonly text: string;
  readonly skipped: boolean;
}
