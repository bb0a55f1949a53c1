/** What the views are given: the connection, the rooms and the requests, without a word about sockets. */

import type { Operations } from "../protocol/api";
import type { Accepted, Account, Command, RefusalCode } from "../protocol/wire";
import type { Readable } from "../room/readable";
import type { Output, Pending, RoomState, Tail } from "../room/state";

export type ConnectionStatus =
  | { readonly kind: "connecting" }
  | { readonly kind: "online"; readonly sentAfterBreak: number }
  /** `retryAt`: milliseconds of `Date.now()`. `isRestart`: the server said that it restarts. */
  | { readonly kind: "waiting"; readonly attempt: number; readonly retryAt: number; readonly isRestart: boolean }
  /** `reason`: signed out or revoked, disabled, or too many connections. It does not come back by itself. */
  | { readonly kind: "ended"; readonly reason: "unauthenticated" | "disabled" | "too_many" };

/** The server said no, in a sentence for people. Nothing was stored. */
export class Refused extends Error {
  constructor(
    readonly code: RefusalCode | "offline" | "broken",
    message: string,
    readonly retryAfterS?: number,
    readonly status?: number,
  ) {
    super(message);
    this.name = "Refused";
  }
}

type Places<Path extends string> = Path extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [key in Name]: string } & Places<Rest>
  : unknown;

export interface CallOptions<Op extends keyof Operations> {
  readonly places?: Places<Op>;
  readonly query?: Operations[Op]["query"];
  readonly body?: Operations[Op]["body"];
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Rest {
  /** Answers with the parsed JSON; rejects with `Refused`. Adds the CSRF token to changes. */
  call<Op extends keyof Operations>(operation: Op, options?: CallOptions<Op>): Promise<Operations[Op]["answer"]>;
  /** The same for what is not JSON: a file, a text. */
  raw<Op extends keyof Operations>(operation: Op, options?: CallOptions<Op>): Promise<Response>;
  /** The address of a GET, for a link or a picture: the cookie goes with it. */
  address<Op extends keyof Operations>(operation: Op, options?: CallOptions<Op>): string;
  /** Sends a body with progress, between 0 and 1. */
  upload<Op extends keyof Operations>(
    operation: Op,
    options: CallOptions<Op> & { readonly onProgress: (done: number) => void },
  ): Promise<Operations[Op]["answer"]>;
}

/** A room of the list. */
export interface RoomEntry {
  readonly id: string;
  readonly kind: "room" | "direct";
  readonly name: string;
  readonly topic: string;
  readonly role: string;
  readonly isArchived: boolean;
  /** A direct room with an AI. */
  readonly hasAi?: boolean | undefined;
  /** The other one in a direct room of two. */
  readonly facing?: string | undefined;
  readonly seq: number;
  readonly unread: number;
  readonly mentions: number;
  readonly isAiWorking: boolean;
  /** What an AI wants to do there waits for a yes. */
  readonly needsApproval?: boolean | undefined;
}

type Unsent<C> = C extends Command ? Omit<C, "id" | "room_id" | "key"> : never;
/** A command as a view says it; who sends it adds the rest. */
export type Asked = Unsent<Command>;

export interface RoomClient {
  readonly id: string;
  /** undefined until the first snapshot. */
  readonly state: Readable<RoomState | undefined>;
  /** Why it cannot be opened, if so. */
  readonly refused: Readable<Refused | undefined>;
  readonly pending: Readable<readonly Pending[]>;
  tail(turnId: string): Readable<Tail>;
  output(callKey: string): Readable<Output>;
  jobOutput(jobId: string): Readable<Output>;
  /** Progress of recordings that are listened to, between 0 and 1, by attachment id. */
  readonly listening: Readable<ReadonlyMap<string, number>>;
  /** Shown at once, kept over a reload, sent in order, once. */
  post(text: string, more?: { readonly replyTo?: string; readonly attachments?: readonly string[] }): void;
  retry(key: string): void;
  discard(key: string): void;
  /** Anything else; resolves when it is committed, rejects with `Refused`. */
  ask(command: Asked): Promise<Accepted>;
  loadOlder(): Promise<void>;
  /** Loads everything after `seq`. */
  loadSince(seq: number): Promise<void>;
  /** Loads what lies around a message, so that it can be shown; false if it is not there. */
  loadAround(messageId: string): Promise<boolean>;
  setTyping(isTyping: boolean): void;
  markRead(seq: number): void;
}

export interface Client {
  readonly rest: Rest;
  readonly me: Account;
  readonly limits: Readable<Readonly<Record<string, number>>>;
  /** How AIs' commands run on this server: strict, landlock or off. */
  readonly sandbox: Readable<string>;
  readonly status: Readable<ConnectionStatus>;
  readonly rooms: Readable<ReadonlyMap<string, RoomEntry> | undefined>;
  /** The server's time less ours, in milliseconds: for what expires. */
  readonly clockOffsetMs: Readable<number>;
  /** Opens the room on first use and keeps it for some minutes after the last. */
  room(roomId: string): RoomClient;
  /** Holds a room open; the result lets go of it. */
  hold(roomId: string): () => void;
  reconnectNow(): void;
  close(): void;
}
