/** The pane of what an AI knows in its states. */

import { ContextPane } from "../src/features/context/ContextPane";
import { SummaryEditor } from "../src/features/context/SummaryEditor";
import { SummaryHistory } from "../src/features/context/SummaryHistory";
import type { ContextPreview, Manifest } from "../src/protocol/api";
import type { RoomState } from "../src/room/state";
import { ago } from "./clock";
import { type Answers, type FakeParts, fakeClient, fakeRoom } from "./fake";
import { DEPLOY, deepSeek, deployRoom, lin, mei, message, RAN, sam, supportRoom } from "./rooms";
import { Scene } from "./Scene";

const share = { rules: 2_140, tools: 3_480, room: 1_220, summary: 4_360, messages: 24_900, results: 5_200 };
const ids = deployRoom().messages.map((one) => one.id);

const preview: ContextPreview = {
  ai_id: deepSeek.id,
  model: "deepseek-chat",
  persona: "Answer briefly, and in the language you are asked in.",
  budget_tokens: 100_000,
  model_tokens: 128_000,
  tokens: 41_300,
  share,
  recent_tokens: 30_100,
  summarise_at: 60_000,
  summary_version: 7,
  from_seq: 1157,
  up_to_seq: 1209,
  messages: ids.map((id) => ({ id, revision: 0 })),
  left_out: 0,
  facts: ["f1", "f2"],
  pins: [ids[0] ?? ""],
  tools: ["read_file", "list_files", "search_files", "write_file", "edit_file", "execute_command"],
  taint: ["file"],
};

const manifest: Manifest = {
  form: 2,
  model: "deepseek-chat",
  turn_id: RAN,
  ai_id: deepSeek.id,
  handle: "deepseek",
  from_seq: 1157,
  up_to_seq: 1202,
  hidden_before: 0,
  sees_workspace: true,
  summary_version: 7,
  messages: ids.slice(0, 3).map((id) => ({ id, revision: 0 })),
  older: [],
  tool_results: [],
  tools: ["read_file", "edit_file", "execute_command"],
  facts: ["f1"],
  pins: [],
  taint: [],
  budget_tokens: 100_000,
  tokens: 38_900,
  share: { ...share, results: 2_800 },
  left_out: 3,
  prompt_sha256: "5b1f9ad27c3e4410".repeat(4),
};

const points = [
  {
    id: "p1",
    section: "decisions" as const,
    text: "Staging gets every release an hour before production.",
    sources: [ids[0] ?? ""],
  },
  {
    id: "p2",
    section: "questions" as const,
    text: "Why does the fan-out slow down after 400 subscribers?",
    sources: ids.slice(1, 3),
  },
  { id: "p3", section: "actions" as const, text: "Sam moves the alert threshold to 250 ms.", sources: [], by: mei.id },
];

const summary = { version: 7, up_to_seq: 1156, method: "deepseek-chat", points, taint: [] };

const LONG_AGO = "01KTLONGAGO";

const answers: Answers = {
  "GET /api/v1/rooms/{room_id}/messages/{message_id}": () => ({
    message: message(
      310,
      sam,
      60 * 24 * 40,
      "**How we release:** tag, wait for *green*, staging for an hour, then production.",
    ),
    revisions: [],
  }),
  "GET /api/v1/rooms/{room_id}/context": preview,
  "GET /api/v1/rooms/{room_id}/summaries": {
    versions: [
      { summary: { ...summary, method: "edited", edited_by: mei.id }, at: ago(30) },
      { summary: { ...summary, version: 6, taint: ["web"] }, at: ago(60 * 7) },
      { summary: { ...summary, version: 5, method: "extractive" }, at: ago(60 * 30) },
    ],
  },
  "GET /api/v1/rooms/{room_id}/catch-up": {
    after_seq: 1205,
    from_seq: 1206,
    up_to_seq: 1209,
    was_cut: false,
    messages: 14,
    answers: 3,
    people: [sam.id, mei.id],
    mentions: [
      {
        message_id: ids[4] ?? "",
        seq: 1207,
        author_id: sam.id,
        at: ago(1),
        text: "Mei, can you approve the staging run when you are back?",
      },
    ],
    points,
    method: "extractive",
    taint: [],
  },
  "GET /api/v1/rooms/{room_id}/turns/{turn_id}": {
    turn_id: RAN,
    ai_id: deepSeek.id,
    state: "done",
    reason: "mention",
    rule_id: "mention",
    askers: [mei.id],
    messages: [ids[2] ?? ""],
    hops: 0,
    why: "Mei mentioned DeepSeek.",
    requested_at: ago(3),
    requested_seq: 1202,
    ended_at: ago(2),
    ended_because: "",
    message_id: ids[3],
    usage: {
      model: "deepseek-chat",
      tokens_in: 38_900,
      tokens_cached: 31_200,
      tokens_out: 412,
      cost_micros: 61_000,
      is_estimated: false,
      calls: 3,
    },
    manifest,
    calls: [
      {
        call_id: "c0",
        name: "read_file",
        arguments: '{"path":"src/fanout.py"}',
        called_at: ago(3),
        is_started: true,
        finished_at: ago(2, 59),
        is_ok: true,
        text: "def publish(event, subscribers): …",
        is_redacted: false,
      },
      {
        call_id: "c1",
        name: "execute_command",
        arguments: '{"command":"pytest -q tests/test_fanout.py"}',
        called_at: ago(3),
        is_started: true,
        finished_at: ago(2, 55),
        is_ok: false,
        text: "1 failed, 25 passed",
        exit_status: 1,
        is_redacted: false,
      },
    ],
    switches: [],
  },
  "GET /api/v1/rooms/{room_id}/messages/{message_id}/explain": {
    message_id: ids[2] ?? "",
    verdicts: [
      {
        rule_id: "mention",
        ai_id: deepSeek.id,
        fires: true,
        why: "fires",
        reason: "mention",
        text: "DeepSeek is mentioned by its handle.",
      },
      {
        rule_id: "deploys",
        ai_id: deepSeek.id,
        fires: false,
        why: "no_word",
        reason: "keyword",
        text: "None of the words deploy, rollback was said.",
      },
    ],
    turns: [],
    is_exact: true,
  },
  "GET /api/v1/rooms/{room_id}/turns/{turn_id}/replay": {
    turn_id: RAN,
    model: "deepseek-chat",
    is_equal: true,
    differs: [],
    prompt_sha256: manifest.prompt_sha256,
    rebuilt_sha256: manifest.prompt_sha256,
    prompt: [
      { role: "system", content: "You are DeepSeek, a member of this room…" },
      { role: "user", content: "@DeepSeek the lag alert fired again." },
    ],
    tools: [],
    tokens: 38_900,
  },
};

const room = (more: Partial<RoomState> = {}) =>
  deployRoom({
    summary,
    facts: [
      {
        id: "f1",
        text: "Deploys go out on Tuesdays and Thursdays, never on Fridays.",
        by: mei.id,
        at: ago(60 * 24 * 9),
      },
      {
        id: "f2",
        text: "Staging is rebuilt every night at 02:00 UTC.",
        by: sam.id,
        at: ago(60 * 50),
        message_id: ids[0],
        taint: ["web"],
      },
    ],
    ...more,
  });

/** Four that are here, one of long ago that is asked for, and more than are shown at first. */
const pinned = () => room({ pins: ["p1", "p2", LONG_AGO, ...ids.slice(0, 4)] });

const withoutAi = (state: RoomState): RoomState => ({
  ...state,
  members: new Map([...state.members].filter(([, one]) => one.kind !== "ai")),
});

function pane(state: RoomState, parts: FakeParts = {}, search = "") {
  return () => (
    <Scene as="pane" path={`/r/${state.id}${search}`} client={fakeClient({ answers, states: [state], ...parts })}>
      <ContextPane roomId={state.id} />
    </Scene>
  );
}

const nobody = { member: () => undefined, name: (id: string) => (id === mei.id ? "Mei" : "Sam") };

export const states = {
  known: pane(room()),
  proposals: pane(
    room({
      proposals: [
        {
          id: "q1",
          by: deepSeek.id,
          at: ago(4),
          text: "The lag alert is owned by the platform team.",
          taint: ["file"],
        },
        { id: "q2", by: deepSeek.id, at: ago(2), text: "", fact_id: "f2" },
      ],
    }),
  ),
  guest: pane(room(), { me: { ...sam, id: "01KTGUEST000000000000000A5" } }),
  pinned: pane(pinned()),
  pinnedNoAi: pane(withoutAi(pinned())),
  noAi: pane(withoutAi(deployRoom({ facts: [], pins: [] }))),
  empty: pane(deployRoom({ facts: [] }), {
    answers: {
      ...answers,
      "GET /api/v1/rooms/{room_id}/context": {
        ...preview,
        messages: [],
        facts: [],
        pins: [],
        tools: [],
        taint: [],
        persona: "",
      },
    },
  }),
  loading: pane(room(), { answers: {} }),
  chinese: pane(
    supportRoom({
      facts: [{ id: "f1", text: "发票链接的有效期是 30 天。", by: lin.id, at: ago(60 * 24) }],
      summary: {
        ...summary,
        points: [{ id: "p1", section: "decisions", text: "十月的发票链接全部重新生成。", sources: [] }],
      },
    }),
  ),
  sources: pane(room(), {}, `?answer=${ids[3] ?? ""}`),
  catchUp: pane(room(), {}, "?catch-up="),
  editing: () => (
    <Scene client={fakeClient({ answers, states: [room()] })}>
      <SummaryEditor room={fakeRoom(DEPLOY, { states: [room()] })} onClose={() => {}} />
    </Scene>
  ),
  history: () => (
    <Scene client={fakeClient({ answers, states: [room()] })}>
      <SummaryHistory room={fakeRoom(DEPLOY, { states: [room()] })} people={nobody} onClose={() => {}} />
    </Scene>
  ),
};
