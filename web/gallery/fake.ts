/** A client made of plain objects: nothing is sent, everything stands still, what is asked gets a given answer. */

import {
  type Client,
  type ConnectionStatus,
  Refused,
  type Rest,
  type RoomClient,
  type RoomEntry,
} from "../src/connection/types";
import type { Operations } from "../src/protocol/api";
import type { Account } from "../src/protocol/wire";
import { Changing } from "../src/room/readable";
import type { Output, Pending, RoomState, Tail } from "../src/room/state";
import { deployRoom, mei, membersOf, supportRoom, rooms as theRooms } from "./rooms";

/** Answers by operation; a function makes one of the options it is asked with. */
export type Answers = {
  readonly [Op in keyof Operations]?:
    | Operations[Op]["answer"]
    | ((options: { readonly query?: object; readonly places?: object; readonly body?: unknown }) => unknown);
};

export interface FakeParts {
  readonly me?: Account;
  readonly status?: ConnectionStatus;
  /** "loading": the list is not there yet. */
  readonly rooms?: readonly RoomEntry[] | "loading";
  readonly states?: readonly RoomState[];
  readonly pending?: readonly Pending[];
  /** By turn id. */
  readonly tails?: Readonly<Record<string, Partial<Tail>>>;
  /** By call key, or by job id. */
  readonly outputs?: Readonly<Record<string, string>>;
  readonly listening?: Readonly<Record<string, number>>;
  readonly refused?: Refused;
  readonly answers?: Answers;
  /** Raw bodies by operation: a text, or how the bytes of a file are come by. */
  readonly bodies?: { readonly [Op in keyof Operations]?: string | (() => Promise<Response>) };
  /** What pictures show in place of a file: an address. */
  readonly picture?: string;
  readonly sandbox?: string;
}

const NO_TAIL: Tail = { text: "", cards: [], thinking: "", phase: "", said: "" };
const never = new Promise<never>(() => {});

/** An operation without an answer goes on loading for ever, as "loading" is a state to be seen too. */
export function fakeRest(parts: Pick<FakeParts, "answers" | "bodies" | "picture"> = {}): Rest {
  return {
    call(operation, options) {
      const answer: unknown = parts.answers?.[operation];
      if (answer instanceof Refused) return Promise.reject(answer);
      if (typeof answer === "function") {
        try {
          return Promise.resolve(answer(options ?? {}));
        } catch (error) {
          return Promise.reject(error);
        }
      }
      return parts.answers !== undefined && operation in parts.answers
        ? Promise.resolve(JSON.parse(JSON.stringify(answer ?? null)))
        : never;
    },
    raw(operation) {
      const body = parts.bodies?.[operation];
      if (body === undefined) return never;
      return typeof body === "function" ? body() : Promise.resolve(new Response(body));
    },
    address: () => parts.picture ?? "data:,",
    upload: () => never,
  };
}

export function fakeRoom(id: string, parts: FakeParts = {}): RoomClient {
  const state = (parts.states ?? [deployRoom(), supportRoom()]).find((one) => one.id === id);
  const output = (key: string) => new Changing<Output>({ text: parts.outputs?.[key] ?? "", skipped: false });
  return {
    id,
    state: new Changing(parts.refused === undefined ? state : undefined),
    refused: new Changing(parts.refused),
    pending: new Changing((parts.pending ?? []).filter((one) => one.roomId === id)),
    tail: held((turnId) => new Changing<Tail>({ ...NO_TAIL, ...parts.tails?.[turnId] })),
    output: held(output),
    jobOutput: held(output),
    listening: new Changing(new Map(Object.entries(parts.listening ?? {}))),
    post: () => {},
    retry: () => {},
    discard: () => {},
    ask: () => never,
    loadOlder: () => Promise.resolve(),
    loadSince: () => Promise.resolve(),
    loadAround: () => Promise.resolve(true),
    setTyping: () => {},
    markRead: () => {},
  };
}

/** The same thing for the same name: what is read in painting must not be another each time. */
function held<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    const found = made.get(name) ?? make(name);
    made.set(name, found);
    return found;
  };
}

const everywhere: Answers = {
  "GET /api/v1/rooms/{room_id}/members": ({ places }) => ({
    members: membersOf(places !== undefined && "room_id" in places ? String(places.room_id) : ""),
  }),
};

export function fakeClient(parts: FakeParts = {}): Client {
  const list = parts.rooms ?? theRooms;
  return {
    rest: fakeRest({ ...parts, answers: { ...everywhere, ...parts.answers } }),
    me: parts.me ?? mei,
    limits: new Changing({ text: 32_000, name: 80, topic: 400, file_bytes: 104_857_600 }),
    sandbox: new Changing(parts.sandbox ?? "strict"),
    status: new Changing(parts.status ?? { kind: "online", sentAfterBreak: 0 }),
    rooms: new Changing(list === "loading" ? undefined : new Map(list.map((entry) => [entry.id, entry]))),
    clockOffsetMs: new Changing(0),
    room: held((id) => fakeRoom(id, parts)),
    hold: () => () => {},
    reconnectNow: () => {},
    close: () => {},
  };
}
