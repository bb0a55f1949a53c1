/** A room for pictures of what is said and done in it: events by hand, folded as the client folds them, at a fixed time. */

import type { ReactNode } from "react";
import type { Client, RoomClient } from "../src/connection/types";
import { ClientContext } from "../src/features/hooks";
import type { Event, Member, Message } from "../src/protocol/wire";
import { applyEvent } from "../src/room/applyEvent";
import { withHistory } from "../src/room/history";
import { Changing } from "../src/room/readable";
import { fromSnapshot } from "../src/room/snapshot";
import type { Output, Pending, RoomState, Tail } from "../src/room/state";
import chart from "./chart.svg";
import { NOW } from "./clock";
import { type Answers, fakeRest } from "./fake";

export const ROOM = "01ROOM";
export const MEI = "01MEI";
export const SAM = "01SAMUEL";
export const GUEST = "01GUEST";
export const AI = "01AI";

const START = NOW - 20 * 60_000;
const HASH = "9f2c1ab0".repeat(8);

const NO_TAIL: Tail = { text: "", cards: [], thinking: "", phase: "", said: "" };

export interface Head {
  readonly room_id: string;
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly actor_id: string;
}

function member(id: string, role: Member["role"], handle: string, name: string): Member {
  const kind = role === "ai" ? "ai" : "human";
  const joined = { joined_at: new Date(START).toISOString(), joined_seq: 1 };
  return { account_id: id, kind, handle, display_name: name, role, ...joined };
}

const PEOPLE: readonly Member[] = [
  member(MEI, "owner", "mei", "Mei Chen"),
  member(SAM, "member", "sam", "Sam Okafor"),
  member(GUEST, "guest", "ines", "Inês Prado"),
  member(AI, "ai", "deepseek", "DeepSeek"),
];

export class Scene {
  state: RoomState;
  readonly tails = new Map<string, Tail>();
  readonly outputs = new Map<string, Output>();
  readonly listening = new Map<string, number>();
  pending: readonly Pending[] = [];
  answers: Answers = {};
  /** What comes of asking for older messages, and of looking for one. */
  older: RoomClient["loadOlder"] = () => Promise.resolve();
  around: RoomClient["loadAround"] = () => Promise.resolve(false);
  private seq = 1;
  private minute = 0;

  constructor(
    readonly meId = MEI,
    settings: RoomState["room"]["settings"] = {},
  ) {
    const at = new Date(START - 86_400_000).toISOString();
    const snapshot = fromSnapshot(
      {
        room: { id: ROOM, kind: "room", name: "deploy-room", topic: "", settings, created_at: at },
        seq: 1,
        members: PEOPLE,
        banned: [],
        pins: [],
        turns: [],
        facts: [],
        proposals: [],
        budget: {},
        messages: [],
        has_older: false,
        online: [MEI, SAM],
        read: { seq: 1, unread: 0, mentions: 0 },
      },
      "epoch",
    );
    this.state = withHistory(snapshot, [], [], 0, false);
  }

  /** So many minutes pass. */
  wait(minutes: number): this {
    this.minute += minutes;
    return this;
  }

  now(): string {
    return new Date(START + this.minute * 60_000).toISOString();
  }

  event(actorId: string, make: (head: Head) => Event): this {
    this.seq += 1;
    const head = { room_id: ROOM, seq: this.seq, id: `01E${this.seq}`, at: this.now(), actor_id: actorId };
    this.state = applyEvent(this.state, make(head), this.meId);
    return this;
  }

  /** The id of the message is `01E` and its seq. */
  say(actorId: string, text: string, more: Partial<Message> = {}): this {
    return this.event(actorId, (head) => ({
      ...head,
      type: "message_posted",
      message: { ...more, id: head.id, text },
      mentions: more.mentions ?? [],
      mention_groups: [],
      is_redacted: false,
    }));
  }

  lastId(): string {
    return this.state.messages.at(-1)?.id ?? "";
  }

  ask(turnId: string, actorId = MEI): this {
    const messageId = this.lastId();
    return this.event(actorId, (head) => ({
      ...head,
      type: "turn_requested",
      turn_id: turnId,
      ai_id: AI,
      reason: "mention",
      ...(messageId === "" ? {} : { message_id: messageId }),
    }));
  }

  begin(turnId: string): this {
    return this.event(AI, (head) => ({ ...head, type: "turn_started", turn_id: turnId, fence: 1, pod: "p" }));
  }

  call(turnId: string, callId: string, name: string, told: Readonly<Record<string, unknown>> | string): this {
    const json = typeof told === "string" ? told : JSON.stringify(told);
    return this.event(AI, (head) => ({
      ...head,
      type: "tool_called",
      turn_id: turnId,
      call_id: callId,
      name,
      arguments: json,
    }));
  }

  started(turnId: string, callId: string): this {
    return this.event(AI, (head) => ({ ...head, type: "tool_started", turn_id: turnId, call_id: callId }));
  }

  finished(
    turnId: string,
    callId: string,
    text: string,
    more: { readonly status?: number; readonly code?: string } = {},
  ) {
    return this.event(AI, (head) => ({
      ...head,
      type: "tool_finished",
      turn_id: turnId,
      call_id: callId,
      is_ok: more.code === undefined,
      text,
      ...(more.status === undefined ? {} : { exit_status: more.status }),
      ...(more.code === undefined ? {} : { code: more.code }),
    }));
  }

  /** Ten minutes are left, whenever the picture is made. */
  approval(turnId: string, callId: string, more: Partial<Extract<Event, { type: "approval_requested" }>> = {}): this {
    return this.event(AI, (head) => ({
      ...head,
      type: "approval_requested",
      turn_id: turnId,
      call_id: callId,
      tool_class: "terminal",
      sha256: HASH,
      decider: "admin",
      needed: 1,
      reason: "an admin of the room must approve this",
      expires_at: new Date(Date.now() + 581_000).toISOString(),
      limits: { wall_s: 120, memory_bytes: 1_073_741_824, output_bytes: 1_048_576 },
      ...more,
    }));
  }

  end(
    turnId: string,
    outcome: Extract<Event, { type: "turn_ended" }>["outcome"] = "done",
    reason = "",
    messageId?: string,
  ) {
    return this.event(AI, (head) => ({
      ...head,
      type: "turn_ended",
      turn_id: turnId,
      ai_id: AI,
      outcome,
      reason,
      ...(messageId === undefined ? {} : { message_id: messageId }),
    }));
  }

  tail(turnId: string, tail: Partial<Tail>): this {
    this.tails.set(turnId, { ...NO_TAIL, ...tail });
    return this;
  }
}

function clientOf(scene: Scene): Client {
  const done = () => Promise.resolve({ type: "accepted", re: "1" } as const);
  const room: RoomClient = {
    id: ROOM,
    state: new Changing<RoomState | undefined>(scene.state),
    refused: new Changing(undefined),
    pending: new Changing(scene.pending),
    listening: new Changing(scene.listening),
    tail: held((id) => scene.tails.get(id) ?? NO_TAIL),
    output: held((key) => scene.outputs.get(key) ?? { text: "", skipped: false }),
    jobOutput: held(() => ({ text: "", skipped: false })),
    post: () => undefined,
    retry: () => undefined,
    discard: () => undefined,
    ask: done,
    loadOlder: scene.older,
    loadSince: () => Promise.resolve(),
    loadAround: scene.around,
    setTyping: () => undefined,
    markRead: () => undefined,
  };
  return {
    rest: fakeRest({ answers: scene.answers, picture: chart }),
    me: {
      id: scene.meId,
      kind: "human",
      handle: scene.meId === MEI ? "mei" : "sam",
      display_name: scene.meId === MEI ? "Mei Chen" : "Sam Okafor",
      is_operator: false,
    },
    limits: new Changing({}),
    sandbox: new Changing("strict"),
    status: new Changing({ kind: "online", sentAfterBreak: 0 } as const),
    rooms: new Changing(undefined),
    clockOffsetMs: new Changing(0),
    room: () => room,
    hold: () => () => undefined,
    reconnectNow: () => undefined,
    close: () => undefined,
  };
}

/** The same object for the same id, as a view needs it. */
function held<T>(make: (id: string) => T): (id: string) => Changing<T> {
  const made = new Map<string, Changing<T>>();
  return (id) => {
    const known = made.get(id) ?? new Changing(make(id));
    made.set(id, known);
    return known;
  };
}

/** `isHigh`: the window's height, as the shell gives it to a timeline. */
export function InScene({
  scene,
  children,
  isHigh = false,
}: {
  readonly scene: Scene;
  readonly children: ReactNode;
  readonly isHigh?: boolean;
}) {
  return (
    <ClientContext value={clientOf(scene)}>
      <main className={isHigh ? "flex h-dvh flex-col bg-surface" : "bg-surface"}>
        <h1 className="sr-only">Gallery</h1>
        {children}
      </main>
    </ClientContext>
  );
}
