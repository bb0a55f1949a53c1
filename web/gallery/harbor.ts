/** A day at Harbor Labs: three rooms with people, an AI and their work, for pictures of the whole screen. */

import type { Account, FilesChanged, Message } from "../src/protocol/wire";
import type { EndedTurn, RoomState, ToolCall } from "../src/room/state";
import { ago, ahead } from "./clock";
import { call, DEPLOY, deepSeek, mei, member, message, roomState, SUPPORT, sam, turn } from "./rooms";

export const INCIDENT = "01KTINCIDENT00000000000R03";

export const ana: Account = {
  id: "01KTANA00000000000000000A6",
  kind: "human",
  handle: "ana",
  display_name: "Ana",
  is_operator: false,
};

const people = [member(mei, "owner"), member(sam, "admin"), member(ana, "member"), member(deepSeek, "ai")];

function ended(turnId: string, seq: number, asker: Account, answer: Message): EndedTurn {
  return {
    turnId,
    aiId: deepSeek.id,
    askers: [asker.id],
    messages: [],
    outcome: "done",
    reason: "",
    messageId: answer.id,
    stoppedBy: undefined,
    requestedSeq: seq,
    seq: answer.seq + 1,
  };
}

function changed(roomId: string, of: ToolCall, seq: number, changes: FilesChanged["changes"]): FilesChanged {
  return {
    room_id: roomId,
    seq,
    id: `01KTCHANGED000000000E${seq}`,
    at: of.finishedAt ?? of.calledAt,
    actor_id: deepSeek.id,
    type: "files_changed",
    turn_id: of.turnId,
    call_id: of.callId,
    before: "a".repeat(64),
    after: "b".repeat(64),
    asked_by: [...of.askers],
    changes,
  };
}

const plain = { arguments: "{}", called_at: ago(0, 40), is_started: false } as const;

const byKey = (...calls: readonly ToolCall[]) => new Map(calls.map((one) => [one.key, one]));

const FIX = "01KTTURN000000000000000T11";
const SHIP = "01KTTURN000000000000000T12";

/** A fix that was tested, and a deployment that waits for a yes. */
export function deploy(): RoomState {
  const ask = message(
    1201,
    mei,
    6,
    "@DeepSeek the lag alert fired again. Read `fanout.py`, tell me what changed since 13:10, and fix it.",
    { mentions: [deepSeek.id] },
  );
  const ran = call("c1", FIX, 1204, {
    calledAt: ago(5),
    startedAt: ago(5),
    finishedAt: ago(4, 55.9),
    text: "..........................                                               [100%]\n26 passed in 3.62s",
  });
  const answer = message(
    1206,
    deepSeek,
    4,
    "Since 13:10, `publish()` encodes the event **once for every subscriber**: 400 encodings where one would do. I moved it out of the loop and added a test for it. All 26 pass.",
    { turn_id: FIX, asked_by: [mei.id], reactions: [{ emoji: "🎉", account_ids: [ana.id, mei.id] }] },
  );
  const ship = message(1208, sam, 1, "Nice. @DeepSeek put 9f2c1ab on staging, please.", { mentions: [deepSeek.id] });
  const asking = call("c2", SHIP, 1210, {
    askers: [sam.id],
    name: "execute_command",
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
      limits: { wall_s: 120, memory_bytes: 1_073_741_824, output_bytes: 1_048_576 },
      expires_at: ahead(9, 41),
      approved_by: [],
    },
  });
  const messages = [
    message(1198, sam, 24, "Staging is slow since the 13:10 release. Anyone else?"),
    message(1199, ana, 22, "Yes, p95 of the fan-out went from 40 to 96 ms. Graph from the lag panel:", {
      attachments: [{ id: "01F1", name: "lag-by-subscriber.csv", size: 48_210, state: "ready", family: "text" }],
    }),
    ask,
    answer,
    ship,
  ];
  const base = roomState(DEPLOY, "deploy-room", people, messages);
  return {
    ...base,
    seq: 1210,
    room: { ...base.room, topic: "Releases, staging, and who broke what" },
    turns: new Map([
      [
        SHIP,
        turn(SHIP, 1209, {
          messages: [ship.id],
          steps: 1,
          calls: [
            {
              ...plain,
              call_id: "c2",
              name: "execute_command",
              ...(asking.approval === undefined ? {} : { approval: asking.approval }),
            },
          ],
        }),
      ],
    ]),
    calls: byKey(
      {
        ...ran,
        changed: changed(DEPLOY, ran, 1205, [
          { path: "src/fanout.py", kind: "changed", added_lines: 3, removed_lines: 2, is_text: true },
          { path: "tests/test_fanout.py", kind: "changed", added_lines: 21, removed_lines: 0, is_text: true },
        ]),
      },
      asking,
    ),
    ended: new Map([[FIX, ended(FIX, 1202, mei, answer)]]),
    read: { seq: 1210, unread: 0, mentions: 0 },
    readBefore: { seq: 1206, unread: 1, mentions: 0 },
    facts: [
      {
        id: "f1",
        text: "Deploys go out on Tuesdays and Thursdays, never on Fridays.",
        by: mei.id,
        at: ago(60 * 24 * 9),
      },
      { id: "f2", text: "Staging is rebuilt every night at 02:00 UTC.", by: sam.id, at: ago(60 * 50) },
    ],
    summary: {
      version: 7,
      up_to_seq: 1156,
      method: "deepseek-chat",
      points: [
        { id: "p1", section: "decisions", text: "Staging gets every release an hour before production.", sources: [] },
        { id: "p2", section: "questions", text: "Why is the fan-out slower above 400 subscribers?", sources: [] },
      ],
      taint: [],
    },
    online: new Set([mei.id, sam.id, ana.id]),
    typing: new Set([ana.id]),
  };
}

const DRAIN = "01KTTURN000000000000000T21";
const LOAD = "01KTTURN000000000000000T22";

export const diff = `--- a/worker/retry.py
+++ b/worker/retry.py
@@ -18,5 +18,5 @@
 async def drain(queue: Queue, send: Send) -> None:
-    for delivery in await queue.take(100):
-        await send(delivery)
+    async with Limited(20) as together:
+        for delivery in await queue.take(100):
+            together.start(send, delivery)
     await queue.settle()
`;

export const LIVE = `load test: 200 endpoints, 3 of them answer after 30 s
   0 s  waiting 18 204   delivered      0   late 6 min 12 s
  10 s  waiting 12 871   delivered  5 333   late 4 min 20 s
  20 s  waiting  7 402   delivered 10 802   late 2 min 31 s
`;

export const LIVE_KEY = `${LOAD}/c2`;

/** A diff, and a command that prints while everyone looks on. */
export function incident(): RoomState {
  const ask = message(412, ana, 21, "@DeepSeek why does the queue not drain? Read only, please.", {
    mentions: [deepSeek.id],
  });
  const looked = call("c1", DRAIN, 414, {
    name: "search_files",
    arguments: JSON.stringify({ query: "async def drain" }),
    askers: [ana.id],
    toolClass: "read",
    calledAt: ago(20),
    startedAt: ago(20),
    finishedAt: ago(19, 59.4),
    exitStatus: undefined,
    text: "worker/retry.py:18: async def drain(queue: Queue, send: Send) -> None:",
  });
  const answer = message(
    415,
    deepSeek,
    19,
    "`drain()` sends **one after the other**: three slow endpoints hold up everybody. Shall I send twenty at once?",
    { turn_id: DRAIN, asked_by: [ana.id] },
  );
  const go = message(417, mei, 3, "Do it, and run the load test. @DeepSeek", { mentions: [deepSeek.id] });
  const edited = call("c1", LOAD, 419, {
    name: "edit_file",
    arguments: JSON.stringify({ path: "worker/retry.py", old: "for delivery in", new: "async with Limited(20)" }),
    toolClass: "write",
    calledAt: ago(2),
    startedAt: ago(2),
    finishedAt: ago(1, 59.8),
    exitStatus: undefined,
    text: "replaced 1 place",
  });
  const runs = call("c2", LOAD, 421, {
    arguments: JSON.stringify({ command: "./loadtest.sh --endpoints 200 --slow 3" }),
    state: "running",
    calledAt: ago(0, 35),
    startedAt: ago(0, 34),
    finishedAt: undefined,
    exitStatus: undefined,
  });
  const messages = [
    message(409, ana, 24, "Webhooks reach customers 6 minutes late. 18,000 are waiting, and it grows."),
    ask,
    answer,
    go,
  ];
  const base = roomState(INCIDENT, "incident", people, messages);
  return {
    ...base,
    seq: 421,
    room: { ...base.room, topic: "Webhooks are late · Ana leads" },
    turns: new Map([
      [
        LOAD,
        turn(LOAD, 418, {
          askers: [mei.id],
          messages: [go.id],
          steps: 2,
          calls: [{ ...plain, call_id: "c2", name: "execute_command", is_started: true }],
        }),
      ],
    ]),
    calls: byKey(
      looked,
      {
        ...edited,
        changed: changed(INCIDENT, edited, 420, [
          { path: "worker/retry.py", kind: "changed", added_lines: 3, removed_lines: 2, is_text: true },
        ]),
      },
      runs,
    ),
    ended: new Map([[DRAIN, ended(DRAIN, 413, ana, answer)]]),
    read: { seq: 421, unread: 0, mentions: 0 },
    readBefore: { seq: 421, unread: 0, mentions: 0 },
    facts: [
      { id: "f1", text: "Production is changed by a deploy only, never by hand.", by: ana.id, at: ago(60 * 24 * 3) },
      { id: "f2", text: "Webhooks may be five minutes late before customers are told.", by: mei.id, at: ago(60 * 26) },
    ],
    summary: {
      version: 2,
      up_to_seq: 408,
      method: "deepseek-chat",
      points: [
        { id: "p1", section: "decisions", text: "Ana leads, Sam tells the customers.", sources: [] },
        { id: "p2", section: "actions", text: "Load test before anything goes out.", sources: [] },
      ],
      taint: [],
    },
    online: new Set([mei.id, ana.id, sam.id]),
    typing: new Set(),
  };
}

const LOGS = "01KTTURN000000000000000T31";

export function support(): RoomState {
  const ask = message(803, ana, 16, "@DeepSeek 帮忙看看导出任务的日志，先不要改任何东西。", {
    mentions: [deepSeek.id],
  });
  const looked = call("c1", LOGS, 805, {
    name: "execute_command",
    arguments: JSON.stringify({ command: "grep -c 'link expired' logs/export-2026-11.log" }),
    askers: [ana.id],
    calledAt: ago(15),
    startedAt: ago(15),
    finishedAt: ago(14, 59.2),
    text: "37",
  });
  const answer = message(
    806,
    deepSeek,
    14,
    "看过了，原因是**链接有效期**：\n\n- 10 月 31 日的改动把有效期从 30 天改成了 7 天；\n- 十月的发票在 11 月 7 日之后全部失效，目前受影响的客户有 37 位。\n\n建议改回 30 天，并为这些客户重新生成链接。需要我先准备一份改动供大家审阅吗？",
    { turn_id: LOGS, asked_by: [ana.id], reactions: [{ emoji: "👍", account_ids: [sam.id, mei.id] }] },
  );
  const base = roomState(SUPPORT, "客户支持", people, [
    message(801, ana, 32, "今天早上有三位客户反馈发票下载不了，提示“文件已过期”。"),
    message(802, sam, 29, "我这边也复现了，只有十月份的发票有问题。"),
    ask,
    answer,
    message(808, mei, 6, "先准备改动，发出来大家看。另外请 @Ana 通知这 37 位客户，今天之内会重新发送。", {
      mentions: [ana.id],
    }),
    message(809, ana, 4, "好的，通知模板我来写。"),
  ]);
  return {
    ...base,
    room: { ...base.room, topic: "客户反馈与处理进度" },
    calls: byKey(looked),
    ended: new Map([[LOGS, ended(LOGS, 804, ana, answer)]]),
    facts: [{ id: "f1", text: "发票链接的有效期应为 30 天。", by: mei.id, at: ago(60 * 24 * 2) }],
    summary: {
      version: 3,
      up_to_seq: 790,
      method: "deepseek-chat",
      points: [{ id: "p1", section: "decisions", text: "客户的问题当天答复，不过夜。", sources: [] }],
      taint: [],
    },
    online: new Set([mei.id, sam.id, ana.id]),
    typing: new Set([sam.id]),
  };
}
