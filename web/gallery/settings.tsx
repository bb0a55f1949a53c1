/** The settings of rooms and of people in their states. */

import { Account } from "../src/features/settings/Account";
import { hashOf, hexOf } from "../src/features/settings/auditChain";
import { RoomSettings } from "../src/features/settings/RoomSettings";
import { RuleDialog } from "../src/features/settings/RuleDialog";
import { emptyForm } from "../src/features/settings/triggerForms";
import type { AuditView, ToolReport } from "../src/protocol/api";
import type { RoomState } from "../src/room/state";
import { ago, ahead } from "./clock";
import { type Answers, type FakeParts, fakeClient, fakeRoom } from "./fake";
import { DEPLOY, deepSeek, deployRoom, mei, sam } from "./rooms";
import { Scene } from "./Scene";

const tool = (name: string, description: string, more: Partial<ToolReport> = {}): ToolReport => ({
  name,
  description,
  tool_class: "read",
  is_offered: true,
  ...more,
});

const entry = (number: number, action: string, subject: string, before: string, after: string): AuditView => ({
  number,
  at: ago(60 * (10 - number)),
  actor_id: number % 3 === 0 ? null : mei.id,
  origin: number % 3 === 0 ? "cli" : "ws",
  action,
  subject,
  before,
  after,
  hash: "0".repeat(64),
});

const entries: readonly AuditView[] = [
  entry(1, "room_created", DEPLOY, "", "deploy-room"),
  entry(2, "role_changed", sam.id, "member", "admin"),
  entry(3, "room_exported", DEPLOY, "", "zip"),
  entry(
    4,
    "room_settings_set",
    DEPLOY,
    '{"guests_post":false,"persona":""}',
    '{"guests_post":true,"persona":"Brief."}',
  ),
  entry(5, "approval_decided", "01KTTURN/c2", "", "approved"),
];

const answers: Answers = {
  "GET /api/v1/ai": {
    ais: [
      {
        account_id: deepSeek.id,
        handle: "deepseek",
        name: "DeepSeek",
        provider: "deepseek",
        answers_with: "deepseek-chat",
        is_demo: false,
        can_answer: true,
      },
      {
        account_id: "a2",
        handle: "helper",
        name: "Helper",
        provider: "openai_compatible",
        model: "qwen3",
        is_demo: false,
        can_answer: true,
      },
    ],
  },
  "GET /api/v1/rooms/{room_id}/tools": {
    ai_id: deepSeek.id,
    tools: [
      tool("read_file", "Read a text file of the workspace, or a range of its lines."),
      tool("edit_file", "Replace an exact text in a file.", { tool_class: "write" }),
      tool("execute_command", "Run a shell command in the workspace: no network, limited time and memory.", {
        tool_class: "terminal",
      }),
      tool("job_start", "Start a shell command that runs on in the background of this room.", {
        tool_class: "extended",
        is_offered: false,
        why_not: "this server's sandbox is in mode landlock, and jobs need strict",
      }),
      tool("fetch_url", "Read a public web page as text.", {
        tool_class: "network",
        is_offered: false,
        why_not: "the room has not switched it on",
      }),
    ],
    sandbox: { mode: "strict", reason: "", limits_by: "cgroup", limits_note: "" },
    servers: [
      {
        server: "wiki",
        kind: "http",
        address: "https://mcp.example.com/mcp",
        is_reachable: true,
        tools: [
          {
            tool: "search_pages",
            description: "Search the company wiki.",
            sha256: "ab".repeat(32),
            tool_class: "network",
            state: "consented",
          },
          {
            tool: "read_page",
            description: "Read one page of the wiki.",
            sha256: "cd".repeat(32),
            tool_class: "network",
            state: "changed",
          },
          {
            tool: "write_page",
            description: "Write a page.",
            sha256: "ef".repeat(32),
            tool_class: "network",
            state: "new",
          },
        ],
        gone: ["list_spaces"],
      },
    ],
  },
  "GET /api/v1/rooms/{room_id}/retention": {
    rule: { messages_days: 90, keeps_pinned: true },
    holds: { messages_days: 90, keeps_pinned: true },
    server_days: 365,
    last: { at: ago(40), messages: 12, files: 3, size: 4_800_000 },
    preview: {
      rule: { messages_days: 90, keeps_pinned: true },
      holds: { messages_days: 90, keeps_pinned: true },
      messages: 1_204,
      files: 38,
      size: 182_000_000,
      oldest: ago(60 * 24 * 200),
      newest: ago(60 * 24 * 91),
      pinned_kept: 4,
      waiting: 0,
      first: [],
    },
  },
  "GET /api/v1/rooms/{room_id}/hooks": {
    hooks: [
      { id: "h1", rule_id: "ci", created_by: mei.id, created_at: ago(60 * 24 * 3) },
      { id: "h2", rule_id: "ci", created_by: sam.id, created_at: ago(60 * 24 * 30), revoked_at: ago(60 * 24 * 3) },
    ],
  },
  "GET /api/v1/rooms/{room_id}/audit": { entries },
  "GET /api/v1/me/tokens": {
    tokens: [
      { id: "t1", label: "CI on the build machine", created_at: ago(60 * 24 * 40), expires_at: ahead(60 * 24 * 50) },
      { id: "t2", label: "old laptop", created_at: ago(60 * 24 * 300), expires_at: ago(60 * 24 * 10) },
    ],
  },
};

/** The same entries with the hashes that they should have. */
async function sealed(): Promise<readonly AuditView[]> {
  const made: AuditView[] = [];
  let before: Uint8Array<ArrayBuffer> = new Uint8Array();
  for (const { hash: _, ...one } of entries) {
    before = await hashOf(DEPLOY, one, before, (bytes) => crypto.subtle.digest("SHA-256", bytes));
    made.push({ ...one, hash: hexOf(before) });
  }
  return made;
}

const settings: RoomState["room"]["settings"] = {
  guests_see_history: true,
  guests_post: true,
  default_ai: deepSeek.id,
  persona: "Answer briefly, and in the language you are asked in. Say when you are not sure.",
  triggers: [
    { id: "mention", type: "mention" },
    { id: "reply", type: "reply" },
    { id: "deploys", type: "keyword", words: ["deploy", "rollback", "回滚"], cooldown_s: 60 },
    { id: "digest", type: "every", messages: 50, is_on: false },
    {
      id: "standup",
      type: "schedule",
      at: "09:00:00",
      zone: "Europe/Berlin",
      days: [1, 2, 3, 4, 5],
      prompt: "What is open?",
      set_by: mei.id,
    },
    { id: "ci", type: "webhook", prompt: "A build has ended.", set_by: mei.id },
  ],
  while_busy: "steer",
  ai_to_ai: true,
  approvals: {
    approvers: 2,
    not_asker: true,
    admins_confirm: true,
    expires_s: 600,
    standing: [{ tool_class: "terminal", until: ahead(60 * 30), set_by: sam.id }],
  },
  retention: { messages_days: 90, keeps_pinned: true },
};

function room(more: Partial<RoomState> = {}): RoomState {
  const base = deployRoom(more);
  return { ...base, room: { ...base.room, settings } };
}

function section(name: string, parts: FakeParts = {}, state: RoomState = room()) {
  return () => (
    <Scene as="page" path={`/r/${DEPLOY}/settings/${name}`} client={fakeClient({ answers, states: [state], ...parts })}>
      <RoomSettings roomId={DEPLOY} section={name} />
    </Scene>
  );
}

const chosen: RoomState = {
  ...room(),
  room: { ...room().room, settings: { ...settings, tools: ["read_file", "edit_file"] } },
};

/** As a browser whose settings allow or block notifications. */
function account(permission: NotificationPermission) {
  return () => {
    Object.defineProperty(Notification, "permission", { value: permission, configurable: true });
    return (
      <Scene as="page" path="/settings/account" client={fakeClient({ answers })}>
        <main className="flex h-dvh flex-col">
          <Account />
        </main>
      </Scene>
    );
  };
}

export const states = {
  general: section("general"),
  ai: section("ai"),
  aiAll: section("ai", {
    answers: { ...answers, "GET /api/v1/ai": { ais: [] } },
  }),
  triggers: section("triggers"),
  tools: section("tools"),
  toolsChosen: section("tools", {}, chosen),
  approvals: section("approvals"),
  retention: section("retention"),
  webhooks: section("webhooks"),
  audit: section("audit"),
  auditSealed: section("audit", {
    answers: { ...answers, "GET /api/v1/rooms/{room_id}/audit": async () => ({ entries: await sealed() }) },
  }),
  budget: section("budget"),
  asGuest: section("ai", { me: { ...sam, id: "01KTGUEST000000000000000A5" } }),
  rule: () => (
    <Scene as="page" client={fakeClient({ answers, states: [room()] })}>
      <RuleDialog
        room={fakeRoom(DEPLOY, { states: [room()] })}
        ais={[]}
        rules={settings.triggers ?? []}
        form={{ ...emptyForm("schedule", ["schedule"], "Asia/Shanghai"), days: [1, 3] }}
        was={undefined}
        onClose={() => {}}
        onSave={() => Promise.resolve()}
      />
    </Scene>
  ),
  account: account("granted"),
  accountBlocked: account("denied"),
};
