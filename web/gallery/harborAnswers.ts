/** What the whole screens are answered: the list of rooms, what an AI knows, what it cost. */

import type { RoomEntry } from "../src/connection/types";
import type { ContextPreview, UsageReport } from "../src/protocol/api";
import { NOW } from "./clock";
import type { Answers } from "./fake";
import { ana, deploy, diff, INCIDENT, incident, support } from "./harbor";
import { DEPLOY, deepSeek, mei, SUPPORT, sam } from "./rooms";

function entry(id: string, name: string, more: Partial<RoomEntry> = {}): RoomEntry {
  const usual = { topic: "", role: "member", isArchived: false, seq: 1, unread: 0, mentions: 0, isAiWorking: false };
  return { id, kind: "room", name, ...usual, ...more };
}

export const rooms: readonly RoomEntry[] = [
  entry(DEPLOY, "deploy-room", { isAiWorking: true, needsApproval: true }),
  entry(INCIDENT, "incident", { isAiWorking: true, unread: 5, mentions: 3 }),
  entry(SUPPORT, "客户支持", { unread: 12 }),
  entry("01KTDESIGN00000000000000R4", "design"),
  entry("01KTFINANCE000000000000R04", "finance"),
  entry("01KTRANDOM0000000000000R05", "random"),
  entry("01KTDIRECT0000000000000R06", "Mei, DeepSeek", { kind: "direct", hasAi: true, facing: deepSeek.id }),
  entry("01KTDIRECT0000000000000R07", "Sam, Mei", { kind: "direct", facing: sam.id, unread: 1, mentions: 1 }),
  entry("01KTDIRECT0000000000000R08", "Ana, Mei", { kind: "direct", facing: ana.id }),
];

/** The list while one room is looked at: nothing waits in that one. */
export function roomsSeenFrom(roomId: string): readonly RoomEntry[] {
  return rooms.map((one) => (one.id === roomId ? { ...one, unread: 0, mentions: 0 } : one));
}

const context: ContextPreview = {
  ai_id: deepSeek.id,
  model: "deepseek-chat",
  persona: "",
  budget_tokens: 100_000,
  model_tokens: 128_000,
  tokens: 41_300,
  share: { rules: 2_140, tools: 3_480, room: 1_220, summary: 4_360, messages: 24_900, results: 5_200 },
  recent_tokens: 30_100,
  summarise_at: 60_000,
  summary_version: 7,
  from_seq: 1157,
  up_to_seq: 1210,
  messages: [],
  left_out: 0,
  facts: ["f1", "f2"],
  pins: [],
  tools: ["read_file", "list_files", "search_files", "write_file", "edit_file", "execute_command"],
  taint: [],
};

const used = {
  calls: 210,
  tokens_in: 812_000,
  tokens_cached: 640_000,
  tokens_out: 96_400,
  unpriced_calls: 0,
  tokens_over: 0,
};

const month: UsageReport = {
  since: "2026-11-01T00:00:00.000Z",
  until: new Date(NOW).toISOString(),
  currency: "CNY",
  room_id: DEPLOY,
  group: "asker",
  rows: [
    { ...used, key: mei.id, cost_micros: 1_120_000 },
    { ...used, key: sam.id, cost_micros: 720_000 },
  ],
  total: { ...used, key: "", cost_micros: 1_840_000 },
  caps: [{ scope: "room", period: "month", unit: "micros", cap: 20_000_000, used: 1_840_000 }],
};

const days = Array.from({ length: 20 }, (_, place) => ({
  ...used,
  key: `2026-11-${String(place + 1).padStart(2, "0")}`,
  cost_micros: place % 7 === 6 ? 0 : ((place * 37) % 11) * 21_000,
}));

export const answers: Answers = {
  "GET /api/v1/rooms/{room_id}/context": ({ places }) => {
    const asked = JSON.stringify(places);
    const state = [deploy(), incident(), support()].find((one) => asked.includes(one.id));
    const known = (state?.messages ?? []).map((one) => ({ id: one.id, revision: 0 }));
    const before = Array.from({ length: 43 }, (_, place) => ({ id: `m${place}`, revision: 0 }));
    const seqs = { from_seq: (state?.seq ?? 0) - 53, up_to_seq: state?.seq ?? 0 };
    return JSON.parse(JSON.stringify({ ...context, ...seqs, messages: [...before, ...known] }));
  },
  "GET /api/v1/rooms/{room_id}/usage": ({ query }) =>
    query !== undefined && "group" in query && query.group === "day" ? { ...month, group: "day", rows: days } : month,
  "GET /api/v1/rooms/{room_id}/workspace/diff": { before: "a", after: "b", diff, left_out: 0 },
  "GET /api/v1/rooms/{room_id}/jobs": { jobs: [] },
  "GET /api/v1/rooms/{room_id}/tools": {
    ai_id: deepSeek.id,
    tools: [],
    sandbox: { mode: "strict", reason: "", limits_by: "cgroup", limits_note: "" },
    servers: [],
  },
};
