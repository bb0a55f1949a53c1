/** The pane of commands in its states. */

import { TerminalPane } from "../src/features/terminal/TerminalPane";
import type { JobReport } from "../src/protocol/api";
import type { RoomState, ToolCall } from "../src/room/state";
import { ago } from "./clock";
import { type Answers, type FakeParts, fakeClient } from "./fake";
import { call, DEPLOY, deployRoom, mei, RAN, sam } from "./rooms";
import { Scene } from "./Scene";

const sandbox = (mode: string, reason = "") => ({
  "GET /api/v1/rooms/{room_id}/tools": {
    ai_id: "a",
    tools: [],
    sandbox: { mode, reason, limits_by: "cgroup", limits_note: "" },
    servers: [],
  },
});

const job = (id: string, command: string, more: Partial<JobReport>): JobReport => ({
  job_id: id,
  command,
  cwd: "",
  turn_id: RAN,
  call_id: id,
  askers: [mei.id],
  state: "running",
  wall_s: 3600,
  started_at: ago(12),
  printed_bytes: 48_210,
  ...more,
});

const answers: Answers = {
  ...sandbox("strict"),
  "GET /api/v1/rooms/{room_id}/jobs": { jobs: [] },
};

const calls = (...all: readonly ToolCall[]): RoomState =>
  deployRoom({ calls: new Map(all.map((one) => [one.key, one])) });

const done = call("c1", RAN, 1203, {
  text: "..........................                                               [100%]\n26 passed in 3.62s",
});
const failed = call("c2", RAN, 1204, {
  arguments: JSON.stringify({ command: "ruff check src && mypy src", cwd: "services/fanout" }),
  state: "failed",
  exitStatus: 1,
  text: "src/fanout.py:12: error: Missing return statement  [return]\nFound 1 error in 1 file (checked 14 source files)",
  askers: [sam.id],
});
const running = call("c3", RAN, 1205, {
  arguments: JSON.stringify({ command: "for i in $(seq 1 400); do ./bench --subscribers $i; done" }),
  state: "running",
  finishedAt: undefined,
  exitStatus: undefined,
});
const asking = call("c4", RAN, 1206, {
  arguments: JSON.stringify({ command: "./deploy.sh staging --ref 9f2c1ab" }),
  state: "asking",
  startedAt: undefined,
  finishedAt: undefined,
  exitStatus: undefined,
});
const hidden = call("c5", RAN, 1207, { arguments: "{}", isRedacted: true });

function pane(state: RoomState, parts: FakeParts = {}) {
  return () => (
    <Scene as="pane" client={fakeClient({ answers, states: [state], ...parts })}>
      <TerminalPane roomId={DEPLOY} />
    </Scene>
  );
}

const benched = Array.from(
  { length: 60 },
  (_, place) => `subscribers=${place + 1} p95=${(12 + place * 0.4).toFixed(1)}ms`,
);

export const states = {
  commands: pane(calls(done, failed, hidden)),
  running: pane(calls(done, failed, asking, running), { outputs: { [running.key]: `${benched.join("\n")}\n` } }),
  jobs: pane(calls(done), {
    answers: {
      ...answers,
      "GET /api/v1/rooms/{room_id}/jobs": {
        jobs: [
          job("j1", "npm run dev -- --port 5173", {}),
          job("j2", "python -m benchmarks.fanout --minutes 30", { state: "ended", exit_status: 1 }),
          job("j3", "tail -f server.log", { state: "stopped", stop: "stopped by a person" }),
        ],
      },
      "GET /api/v1/rooms/{room_id}/jobs/{job_id}": {
        job: job("j1", "npm run dev -- --port 5173", {}),
        text: "  VITE ready in 412 ms\n\n  ➜  Local:   http://localhost:5173/\n14:02:11 [vite] hmr update /src/fanout.ts\n",
        left_out_bytes: 1_200,
      },
    },
  }),
  empty: pane(calls()),
  off: pane(calls(), {
    sandbox: "off",
    answers: { ...answers, ...sandbox("off", "This kernel has no user namespaces for unprivileged users.") },
  }),
  guest: pane(calls(done), { me: { ...sam, id: "01KTGUEST000000000000000A5" } }),
};
