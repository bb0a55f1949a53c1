/** The pane of files in its states. */

import { DiffView } from "../src/features/files/DiffView";
import { FilesPane } from "../src/features/files/FilesPane";
import { SendingList } from "../src/features/files/SendingList";
import { TableView } from "../src/features/files/TableView";
import type { Attachment, RoomFile, WorkspaceListing } from "../src/protocol/api";
import type { RoomState } from "../src/room/state";
import picture from "./chart.png";
import chart from "./chart.svg";
import { ago } from "./clock";
import { type Answers, type FakeParts, fakeClient } from "./fake";
import { DEPLOY, deepSeek, deployRoom, mei, RAN, sam } from "./rooms";
import { Scene } from "./Scene";

const listing = (path: string, entries: WorkspaceListing["entries"], more: Partial<WorkspaceListing> = {}) => ({
  path,
  entries,
  is_cut: false,
  used_bytes: 184_320_000,
  files: 412,
  is_whole: true,
  quota_bytes: 536_870_912,
  quota_files: 20_000,
  mirror: { state: "synced" as const, version: 31, at: ago(2), waiting: 0 },
  ...more,
});
const file = (name: string, size: number) => ({ name, kind: "file", size, modified_at: ago(30) });
const folder = (name: string) => ({ name, kind: "folder", size: 0, modified_at: ago(30) });

const tops = [
  folder("docs"),
  folder("src"),
  folder("tests"),
  file("README.md", 2_140),
  file("deploy.sh", 860),
  file("lag.csv", 48_200),
];

const python = `"""Sends one event to all subscribers."""

from collections.abc import Iterable


def publish(event: Event, subscribers: Iterable[Subscriber]) -> int:
    """Return how many were reached."""
    line = encode(event)  # once, not once for each
    reached = 0
    for subscriber in subscribers:
        if subscriber.send(line):
            reached += 1
    return reached
`;

const diff = `--- a/src/fanout.py
+++ b/src/fanout.py
@@ -6,8 +6,8 @@
 def publish(event: Event, subscribers: Iterable[Subscriber]) -> int:
     """Return how many were reached."""
+    line = encode(event)  # once, not once for each
     reached = 0
     for subscriber in subscribers:
-        line = encode(event)
-        if subscriber.send(line):
+        if subscriber.send(line):
             reached += 1
     return reached
@@ -40,3 +41,3 @@
 def close(subscriber: Subscriber) -> None:
-    subscriber.end()
+    subscriber.end(reason="closed")
     forget(subscriber)
`;

function attachment(name: string, family: Attachment["family"], more: Partial<Attachment> = {}): Attachment {
  return {
    id: `a-${name}`,
    name,
    size: 482_000,
    state: "ready",
    family,
    width: 0,
    height: 0,
    pages: 0,
    has_thumbnail: false,
    has_text: false,
    is_inline_safe: false,
    ...more,
  };
}
const sent = (of: Attachment, by: string, minutes: number): RoomFile => ({
  attachment: of,
  message_id: "01KTMESSAGE0000000000M1201",
  seq: 1201,
  uploaded_by: by,
  at: ago(minutes),
});

const answers: Answers = {
  "GET /api/v1/rooms/{room_id}/workspace": ({ query }) => {
    const path = query !== undefined && "path" in query ? query.path : "";
    return path === "src" ? listing("src", [file("fanout.py", 4_310), file("events.py", 9_870)]) : listing("", tops);
  },
  "GET /api/v1/rooms/{room_id}/turns/{turn_id}/changes": {
    turn_id: RAN,
    ai_id: deepSeek.id,
    calls: [],
    undo: "possible",
    may_undo: true,
  },
  "GET /api/v1/rooms/{room_id}/workspace/diff": { before: "a", after: "b", diff, left_out: 0 },
  "GET /api/v1/rooms/{room_id}/files": {
    files: [
      sent(attachment("lag-alert.png", "image", { has_thumbnail: true, size: 182_000 }), mei.id, 3),
      sent(attachment("postmortem-2026-11-13.pdf", "pdf", { pages: 12, has_text: true }), sam.id, 60),
      sent(
        attachment("standup.webm", "audio", {
          size: 96_000,
          transcript: { state: "done", text: "Staging first, and please watch the lag panel.", is_edited: false },
        }),
        sam.id,
        200,
      ),
      sent(attachment("报表模板（十一月）.xlsx", "office", { has_text: true }), mei.id, 60 * 30),
    ],
    next_before: 900,
  },
};

function pane(parts: FakeParts = {}, search = "", view?: "changes" | "attachments", state: RoomState = deployRoom()) {
  return () => (
    <Scene
      as="pane"
      path={`/r/${DEPLOY}${search}`}
      client={fakeClient({
        answers,
        states: [state],
        picture: chart,
        bodies: { "GET /api/v1/rooms/{room_id}/workspace/file": python },
        ...parts,
      })}
    >
      <FilesPane roomId={DEPLOY} {...(view === undefined ? {} : { view })} />
    </Scene>
  );
}

const held = (body: () => Promise<Response>): FakeParts => ({
  bodies: { "GET /api/v1/rooms/{room_id}/workspace/file": body },
});

/** Eleven seconds of nothing, eight bits at 8 kHz. */
function silence(): Promise<Response> {
  const samples = 88_000;
  const bytes = new Uint8Array(44 + samples).fill(128, 44);
  const view = new DataView(bytes.buffer);
  const word = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  word(0, "RIFF");
  view.setUint32(4, 36 + samples, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, 8_000, true);
  view.setUint32(28, 8_000, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  word(36, "data");
  view.setUint32(40, samples, true);
  return Promise.resolve(new Response(new Blob([bytes], { type: "application/octet-stream" })));
}

const ran = deployRoom().calls.get(`${RAN}/c1`);
const conflicted: RoomState = deployRoom(
  ran === undefined
    ? {}
    : {
        calls: new Map([
          [
            ran.key,
            {
              ...ran,
              undone: {
                room_id: DEPLOY,
                seq: 1210,
                id: "u1",
                at: ago(1),
                actor_id: mei.id,
                type: "turn_undone",
                turn_id: RAN,
                is_ok: false,
                reason: "Others changed these files since.",
                changes: [],
                conflicts: ["src/fanout.py"],
              },
            },
          ],
        ]),
      },
);

export const states = {
  workspace: pane(),
  empty: pane({
    answers: { ...answers, "GET /api/v1/rooms/{room_id}/workspace": listing("", [], { used_bytes: 0, files: 0 }) },
  }),
  trouble: pane({
    answers: {
      ...answers,
      "GET /api/v1/rooms/{room_id}/workspace": listing("", tops, {
        used_bytes: 531_000_000,
        mirror: {
          state: "failing",
          version: 31,
          waiting: 4,
          reason: "The store does not answer.",
          conflicts: ["docs/plan (from pod-1a2b3c4d, 2026-11-20 010203).txt"],
        },
      }),
    },
  }),
  guest: pane({ me: { ...sam, id: "01KTGUEST000000000000000A5" } }),
  loading: pane({ answers: {} }),
  code: pane({}, "?file=src/fanout.py"),
  picture: pane(
    held(() => fetch(picture)),
    "?file=docs/lag.png",
  ),
  sound: pane(held(silence), "?file=docs/standup.wav"),
  bytes: pane(held(silence), "?file=trace.bin"),
  changes: pane({}, "", "changes"),
  conflict: pane({}, "", "changes", conflicted),
  attachments: pane({}, "", "attachments"),
  diff: () => (
    <Scene as="timeline">
      <DiffView diff={diff} isNamed />
    </Scene>
  ),
  table: () => (
    <Scene as="timeline">
      <TableView
        text={
          'at,subscribers,"p95, ms",note\n13:00,180,41,\n13:10,412,96,"release ""9f2c1ab"""\n13:20,408,102,发布之后\n'
        }
      />
    </Scene>
  ),
  sending: () => (
    <Scene as="pane">
      <SendingList
        sendings={[
          { key: "1", path: "docs/plan.md", done: 1, state: "done", reason: undefined },
          {
            key: "2",
            path: "assets/diagram-of-the-fan-out-before-and-after.svg",
            done: 0.42,
            state: "sending",
            reason: undefined,
          },
          { key: "3", path: "README.md", done: 0, state: "there", reason: undefined },
          { key: "4", path: "trace.bin", done: 0, state: "too_big", reason: undefined },
          { key: "5", path: "notes.txt", done: 0, state: "refused", reason: "The workspace is full." },
          { key: "6", path: "later.txt", done: 0, state: "waiting", reason: undefined },
        ]}
        onReplace={() => {}}
        onForget={() => {}}
      />
    </Scene>
  ),
};
