/** The people, rooms and messages of the pictures: the same three in one room that deploys, and a Chinese one. */

import type { RoomEntry } from "../src/connection/types";
import type { Account, Member, Message, Snapshot, TurnState } from "../src/protocol/wire";
import { fromSnapshot } from "../src/room/snapshot";
import { callKey, type RoomState, type ToolCall } from "../src/room/state";
import { ago, ahead } from "./clock";

export const DEPLOY = "01KTDEPLOY0000000000000R01";
export const SUPPORT = "01KTSUPPORT000000000000R02";

function account(id: string, kind: Account["kind"], handle: string, name: string): Account {
  return { id, kind, handle, display_name: name, is_operator: handle === "mei" };
}

export const mei = account("01KTMEI00000000000000000A1", "human", "mei", "Mei");
export const sam = account("01KTSAM00000000000000000A2", "human", "sam", "Sam");
export const deepSeek = account("01KTDEEPSEEK0000000000000A3", "ai", "deepseek", "DeepSeek");
export const lin = account("01KTLIN00000000000000000A4", "human", "linyue", "林悦");
export const guest = account("01KTGUEST000000000000000A5", "human", "jordan", "Jordan Okafor");

export function member(of: Account, role: Member["role"], more: Partial<Member> = {}): Member {
  return {
    account_id: of.id,
    kind: of.kind,
    handle: of.handle,
    display_name: of.display_name,
    role,
    joined_at: ago(60 * 24 * 30),
    joined_seq: 1,
    ...more,
  };
}

export function message(seq: number, by: Account, minutes: number, text: string, more: Partial<Message> = {}): Message {
  return {
    id: `01KTMESSAGE0000000000M${String(seq).padStart(4, "0")}`,
    seq,
    author_id: by.id,
    at: ago(minutes),
    text,
    mentions: [],
    mention_groups: [],
    revision: 0,
    reactions: [],
    chosen: 0,
    ...more,
  };
}

export function turn(id: string, seq: number, more: Partial<TurnState> = {}): TurnState {
  return {
    turn_id: id,
    ai_id: deepSeek.id,
    askers: [sam.id],
    messages: [],
    requested_at: ago(1),
    requested_seq: seq,
    reason: "mention",
    hops: 0,
    note: "",
    is_unattended: false,
    fence: 1,
    steering: [],
    taint: [],
    is_stop_requested: false,
    calls: [],
    steps: 0,
    text: "",
    text_index: 0,
    cards: [],
    ...more,
  };
}

export function call(id: string, turnId: string, seq: number, more: Partial<ToolCall> = {}): ToolCall {
  return {
    key: callKey(turnId, id),
    turnId,
    callId: id,
    aiId: deepSeek.id,
    askers: [mei.id],
    name: "execute_command",
    arguments: JSON.stringify({ command: "pytest -q tests/test_fanout.py" }),
    toolClass: "terminal",
    state: "ok",
    approval: undefined,
    seq,
    calledAt: ago(3),
    startedAt: ago(3),
    finishedAt: ago(2, 55.9),
    text: "",
    code: undefined,
    exitStatus: 0,
    taint: undefined,
    isRedacted: false,
    changed: undefined,
    undone: undefined,
    ...more,
  };
}

const NO_BUDGET = { total: {}, per_asker: {} };

/** A room with these messages; `more` says what else is true of it. */
export function roomState(
  id: string,
  name: string,
  members: readonly Member[],
  messages: readonly Message[],
  more: Partial<RoomState> = {},
): RoomState {
  const seq = Math.max(0, ...messages.map((one) => one.seq));
  const snapshot: Snapshot = {
    room: { id, kind: "room", name, topic: "", settings: {}, created_at: ago(60 * 24 * 30) },
    seq,
    members: [...members],
    banned: [],
    pins: [],
    turns: [],
    facts: [],
    proposals: [],
    budget: NO_BUDGET,
    messages: [...messages],
    has_older: false,
    online: members.map((one) => one.account_id),
    read: { seq, unread: 0, mentions: 0 },
  };
  return { ...fromSnapshot(snapshot, "1-1"), oldestSeq: 0, ...more };
}

export const RAN = "01KTTURN000000000000000T01";
export const ASKS = "01KTTURN000000000000000T02";

/** As in the design: an answer with a run, then an approval that is waited for. */
export function deployRoom(more: Partial<RoomState> = {}): RoomState {
  const ran = call("c1", RAN, 1203, {
    text: "..........................                                               [100%]\n26 passed in 3.62s",
    changed: {
      room_id: DEPLOY,
      seq: 1204,
      id: "01KTCHANGED0000000000000E1",
      at: ago(3),
      actor_id: deepSeek.id,
      type: "files_changed",
      turn_id: RAN,
      call_id: "c1",
      before: "a".repeat(64),
      after: "b".repeat(64),
      asked_by: [mei.id],
      changes: [
        { path: "src/fanout.py", kind: "changed", added_lines: 12, removed_lines: 4, is_text: true },
        { path: "tests/test_fanout.py", kind: "changed", added_lines: 21, removed_lines: 0, is_text: true },
      ],
    },
  });
  const asked = call("c2", ASKS, 1209, {
    askers: [sam.id],
    arguments: JSON.stringify({ command: "./deploy.sh staging --ref 9f2c1ab" }),
    state: "asking",
    calledAt: ago(0, 19),
    startedAt: undefined,
    finishedAt: undefined,
    exitStatus: undefined,
    approval: {
      tool_class: "network",
      sha256: "c".repeat(64),
      decider: "admin",
      needed: 1,
      reason: "It reaches the network.",
      expires_at: ahead(9, 41),
      approved_by: [],
    },
  });
  const messages = [
    message(1198, sam, 42, "Staging has been slow since the 13:10 release. Anyone else?"),
    message(1199, mei, 41, "Yes. p95 of the fan-out doubled. I'll look."),
    message(1201, mei, 3, "@DeepSeek the lag alert fired again. Read fanout.py and tell me what changed.", {
      mentions: [deepSeek.id],
    }),
    message(
      1205,
      deepSeek,
      2,
      "I read `fanout.py`. Since the 13:10 release every subscriber gets **its own** serialisation of the same event:\n\n1. `publish()` called `encode(event)` inside the loop.\n2. With 400 subscribers that is 400 encodings per event.\n\nI moved it out of the loop and added a test. All 26 pass.",
      { turn_id: RAN, asked_by: [mei.id], reactions: [{ emoji: "👍", account_ids: [sam.id, mei.id] }] },
    ),
    message(1207, sam, 1, "Nice. @DeepSeek put 9f2c1ab on staging, please.", { mentions: [deepSeek.id] }),
  ];
  const base = roomState(
    DEPLOY,
    "deploy-room",
    [
      member(mei, "owner"),
      member(sam, "admin"),
      member(deepSeek, "ai"),
      member(guest, "guest", { until: ahead(60 * 24) }),
    ],
    messages,
  );
  return {
    ...base,
    seq: 1209,
    room: { ...base.room, topic: "Releases, staging, and who broke what" },
    turns: new Map([[ASKS, turn(ASKS, 1208, { messages: [messages[4]?.id ?? ""] })]]),
    calls: new Map([ran, asked].map((one) => [one.key, one])),
    ended: new Map([
      [
        RAN,
        {
          turnId: RAN,
          aiId: deepSeek.id,
          askers: [mei.id],
          messages: [],
          outcome: "done",
          reason: "",
          messageId: messages[3]?.id,
          stoppedBy: undefined,
          requestedSeq: 1202,
          seq: 1206,
        },
      ],
    ]),
    read: { seq: 1209, unread: 0, mentions: 0 },
    readBefore: { seq: 1205, unread: 1, mentions: 0 },
    online: new Set([mei.id, sam.id]),
    typing: new Set(),
    ...more,
  };
}

export function supportRoom(more: Partial<RoomState> = {}): RoomState {
  const messages = [
    message(801, lin, 30, "今天早上有三位客户反馈发票下载不了，报错“文件已过期”。"),
    message(802, sam, 28, "我这边也复现了，只有十月份的发票有问题。"),
    message(803, lin, 9, "@DeepSeek 帮忙看看导出任务的日志，先不要改任何东西。", { mentions: [deepSeek.id] }),
    message(
      805,
      deepSeek,
      8,
      "看过了。原因是**链接有效期**：\n\n- 导出任务在 10 月 31 日把有效期从 30 天改成了 7 天；\n- 十月的发票在 11 月 7 日之后全部失效。\n\n建议把有效期改回 30 天，并为这三位客户重新生成链接。需要我先准备一份改动供你们审阅吗？",
      { turn_id: "01KTTURN000000000000000T03", asked_by: [lin.id] },
    ),
    message(806, mei, 5, "先准备改动，发出来大家看。"),
  ];
  const base = roomState(
    SUPPORT,
    "客户支持",
    [member(mei, "admin"), member(lin, "owner"), member(sam, "member"), member(deepSeek, "ai")],
    messages,
  );
  return { ...base, room: { ...base.room, topic: "客户反馈与处理进度" }, ...more };
}

function entry(id: string, name: string, more: Partial<RoomEntry> = {}): RoomEntry {
  return {
    id,
    kind: "room",
    name,
    topic: "",
    role: "member",
    isArchived: false,
    seq: 1,
    unread: 0,
    mentions: 0,
    isAiWorking: false,
    ...more,
  };
}

export const rooms: readonly RoomEntry[] = [
  entry(DEPLOY, "deploy-room", {
    role: "owner",
    topic: "Releases, staging, and who broke what",
    isAiWorking: true,
    needsApproval: true,
    seq: 1209,
  }),
  entry("01KTINCIDENT00000000000R03", "incident", { unread: 5, mentions: 3, isAiWorking: true }),
  entry(SUPPORT, "客户支持", { unread: 12, role: "admin", topic: "客户反馈与处理进度" }),
  entry("01KTFINANCE000000000000R04", "finance"),
  entry("01KTRANDOM0000000000000R05", "random", { unread: 48 }),
  entry("01KTDIRECT0000000000000R06", "Mei, DeepSeek", { kind: "direct", hasAi: true, facing: deepSeek.id }),
  entry("01KTDIRECT0000000000000R07", "Sam, Mei", { kind: "direct", facing: sam.id, unread: 2 }),
  entry("01KTDIRECT0000000000000R08", "林悦, Mei", { kind: "direct", facing: lin.id }),
  entry("01KTARCHIVED00000000000R09", "launch-2025", { isArchived: true }),
];

/** Muted, and with a draft, in the pictures. */
export const RANDOM = "01KTRANDOM0000000000000R05";
export const FINANCE = "01KTFINANCE000000000000R04";

/** Who is in a room of these; of direct ones nothing else is known. */
export function membersOf(roomId: string): readonly Member[] {
  if (roomId === DEPLOY) return [...deployRoom().members.values()];
  if (roomId === SUPPORT) return [...supportRoom().members.values()];
  const other = { "01KTDIRECT0000000000000R06": deepSeek, "01KTDIRECT0000000000000R07": sam }[roomId] ?? lin;
  return roomId.startsWith("01KTDIRECT") ? [member(mei, "member"), member(other, "member")] : [];
}
