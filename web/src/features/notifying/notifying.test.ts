// @vitest-environment happy-dom
/** When the desktop is told that something waits, and what it is told. */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RoomEntry } from "../../connection/types";
import { Changing } from "../../room/readable";
import { needAllWords } from "../../ui/i18n";
import { startNotifying } from "./notifying";

await needAllWords();

const made: FakeNotification[] = [];

class FakeNotification {
  static permission = "granted";
  onclick: () => void = () => {};
  isClosed = false;
  constructor(
    readonly title: string,
    readonly options: { readonly body?: string; readonly tag?: string; readonly silent?: boolean },
  ) {
    made.push(this);
  }
  close(): void {
    this.isClosed = true;
  }
}

type Held = { readonly name: string; readonly end: () => void };

/** Locks as a browser has them, as far as pages use them here. */
class FakeLocks {
  readonly held: Held[] = [];
  private readonly waiting: (() => void)[] = [];

  request(name: string, { signal }: { readonly signal?: AbortSignal }, run: () => Promise<void>): Promise<void> {
    return new Promise((done, fail) => {
      const take = () => {
        const mine = { name, end: done };
        this.held.push(mine);
        void run().then(() => {
          this.held.splice(this.held.indexOf(mine), 1);
          done();
          for (const next of this.waiting.splice(0)) next();
        });
      };
      const tryIt = () => {
        if (signal?.aborted === true) fail(new Error("aborted"));
        else if (this.held.some((one) => one.name === name)) this.waiting.push(tryIt);
        else take();
      };
      tryIt();
    });
  }

  query() {
    return Promise.resolve({ held: this.held });
  }
}

let rooms: Changing<ReadonlyMap<string, RoomEntry> | undefined>;
let muted: Changing<ReadonlySet<string>>;
let isHidden: boolean;
let gone: string[];
let refusals: number;
let ends: (() => void)[];

function entry(id: string, more: Partial<RoomEntry> = {}): RoomEntry {
  const usual = { name: id, topic: "", role: "member", isArchived: false, seq: 1, isAiWorking: false };
  return { id, kind: "room", unread: 0, mentions: 0, ...usual, ...more };
}
const list = (...entries: readonly RoomEntry[]) => rooms.set(new Map(entries.map((one) => [one.id, one])));
const settled = () => new Promise<void>((go) => setImmediate(go));
const told = () => made.map(({ title, options }) => [title, options.body]);

function start(): () => void {
  const end = startNotifying({
    accountId: "mei",
    myName: "Mei",
    rooms,
    muted,
    go: (roomId) => gone.push(roomId),
    onRefused: () => {
      refusals += 1;
    },
  });
  ends.push(end);
  return end;
}

beforeEach(() => {
  made.length = 0;
  gone = [];
  refusals = 0;
  ends = [];
  rooms = new Changing(undefined);
  muted = new Changing(new Set());
  isHidden = true;
  FakeNotification.permission = "granted";
  vi.stubGlobal("Notification", FakeNotification);
  vi.stubGlobal("navigator", { ...navigator, locks: new FakeLocks() });
  vi.spyOn(document, "hidden", "get").mockImplementation(() => isHidden);
});
afterEach(() => {
  for (const end of ends) end();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test("a mention and a direct message are told, with the room's name and none of the words", async () => {
  start();
  list(entry("ops", { unread: 3, mentions: 1 }), entry("dm", { kind: "direct", name: "Sam, Mei" }));
  await settled();
  // What was there when the list came is no news.
  expect(told()).toEqual([]);
  list(entry("ops", { unread: 4, mentions: 2 }), entry("dm", { kind: "direct", name: "Sam, Mei", unread: 1 }));
  await settled();
  expect(told()).toEqual([
    ["ops", "2 messages mention you."],
    ["Sam", "One new message for you."],
  ]);
  expect(made.map(({ options }) => [options.tag, options.silent])).toEqual([
    ["ops", false],
    ["dm", false],
  ]);
});

test("what is said to others, in muted rooms, or before the eyes is not told", async () => {
  start();
  list(entry("ops"), entry("dm", { kind: "direct" }));
  muted.set(new Set(["dm"]));
  list(entry("ops", { unread: 9 }), entry("dm", { kind: "direct", unread: 1, mentions: 1 }));
  // Nor is it news that a room is muted no more.
  muted.set(new Set());
  isHidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  list(entry("ops", { unread: 10, mentions: 1 }), entry("dm", { kind: "direct", unread: 1, mentions: 1 }));
  await settled();
  expect(told()).toEqual([]);
});

test("a room that somebody opens with the reader is told of", async () => {
  start();
  list(entry("ops"));
  list(entry("ops"), entry("dm", { kind: "direct", name: "Mei, Sam", unread: 1 }));
  await settled();
  expect(told()).toEqual([["Sam", "One new message for you."]]);
});

test("of two pages one tells, and the other when the first is closed", async () => {
  const first = start();
  start();
  list(entry("ops"));
  list(entry("ops", { mentions: 1, unread: 1 }));
  await settled();
  expect(told()).toHaveLength(1);
  first();
  await settled();
  list(entry("ops", { mentions: 2, unread: 2 }));
  await settled();
  expect(told()).toHaveLength(2);
});

test("nothing is told while another page of the account is looked at", async () => {
  start();
  isHidden = false;
  const other = start();
  isHidden = true;
  list(entry("ops"));
  list(entry("ops", { mentions: 1, unread: 1 }));
  await settled();
  expect(told()).toEqual([]);
  other();
  await settled();
  list(entry("ops", { mentions: 2, unread: 2 }));
  await settled();
  expect(told()).toHaveLength(1);
});

test("a press leads into the room, and what is read goes from the desktop", async () => {
  start();
  list(entry("ops"), entry("dm", { kind: "direct" }));
  list(entry("ops", { mentions: 1, unread: 1 }), entry("dm", { kind: "direct", unread: 1 }));
  await settled();
  made[0]?.onclick();
  expect(gone).toEqual(["ops"]);
  expect(made.map((one) => one.isClosed)).toEqual([true, false]);
  list(entry("ops"), entry("dm", { kind: "direct" }));
  expect(made[1]?.isClosed).toBe(true);
});

test("without leave nothing is tried, and a browser that takes none is told of once", async () => {
  start();
  list(entry("ops"));
  FakeNotification.permission = "default";
  list(entry("ops", { mentions: 1, unread: 1 }));
  await settled();
  expect([told(), refusals]).toEqual([[], 0]);
  vi.stubGlobal(
    "Notification",
    class {
      static permission = "granted";
      constructor() {
        throw new TypeError("Illegal constructor");
      }
    },
  );
  list(entry("ops", { mentions: 2, unread: 2 }));
  await settled();
  expect(refusals).toBe(1);
});
