/** The states of the cards of tools, turns and proposals. */

import type { ReactNode } from "react";
import { ChangedFiles } from "../src/features/cards/ChangedFiles";
import { DiffRows } from "../src/features/cards/DiffRows";
import { RoomHere } from "../src/features/cards/RoomHere";
import { ToolCard } from "../src/features/cards/ToolCard";
import { TurnRow } from "../src/features/cards/TurnRow";
import { Timeline } from "../src/features/timeline/Timeline";
import type { Event, FilesChanged } from "../src/protocol/wire";
import { Pressed } from "./Pressed";
import { AI, GUEST, InScene, MEI, ROOM, SAM, Scene } from "./roomScene";

const TESTS = `============================= test session starts ==============================
collected 26 items

tests/test_fanout.py ................                                    [ 61%]
tests/test_lag.py ..........                                             [100%]

============================== 26 passed in 3.42s ==============================`;

function asked(meId = MEI): Scene {
  return new Scene(meId).say(SAM, "@DeepSeek deploy it to staging").ask("t1", SAM).begin("t1");
}

/** The cards of a scene by themselves; `pressed` is pressed first. */
const cards = (scene: Scene, pressed?: string): ReactNode => (
  <InScene scene={scene}>
    {pressed !== undefined && <Pressed what={pressed} />}
    <div className="mx-auto flex max-w-3xl flex-col gap-3 p-4">
      <RoomHere roomId={ROOM}>
        {[...scene.state.calls.values()].map((call) => (
          <ToolCard key={call.key} call={call} />
        ))}
      </RoomHere>
    </div>
  </InScene>
);

const turns = (scene: Scene): ReactNode => (
  <InScene scene={scene}>
    <div className="mx-auto flex max-w-3xl flex-col gap-6 p-4">
      <RoomHere roomId={ROOM}>
        {[...scene.state.turns.values()].map((turn) => (
          <TurnRow key={turn.turn_id} turn={turn} />
        ))}
      </RoomHere>
    </div>
  </InScene>
);

const DEPLOY = { command: "./deploy.sh staging --ref 9f2c1ab\n./check.sh --wait 30", cwd: "ops" };

const CHANGES = {
  changes: [
    { path: "services/fanout.py", kind: "changed", added_lines: 12, removed_lines: 4 },
    { path: "tests/test_fanout.py", kind: "added", added_lines: 31 },
    { path: "services/old.py", kind: "removed", removed_lines: 88 },
  ],
  before: "a",
  after: "b",
  asked_by: [SAM],
} as const satisfies Partial<FilesChanged>;

const DIFF = `--- a/services/fanout.py
+++ b/services/fanout.py
@@ -10,4 +10,5 @@
     batch = []
-    while queue:
-        batch.append(queue.get())
+    # Takes what is there, and no more.
+    for _ in range(min(limit, len(queue))):
+        batch.append(queue.get())
     return batch
@@ -40,3 +41,3 @@
-    queue.stop()
+    queue.stop(wait=True)
 
 # end
--- a/run.sh
+++ b/run.sh
mode 644 -> 755
`;

function running(): Scene {
  const scene = asked().wait(19.8).call("t1", "c1", "execute_command", { command: "pytest -q" }).started("t1", "c1");
  scene.outputs.set("t1/c1", { text: TESTS.split("\n").slice(0, 5).join("\n"), skipped: false });
  return scene;
}

function changed(): Scene {
  const scene = asked().call("t1", "c1", "edit_file", { path: "services/fanout.py", old: "a", new: "b" });
  scene.started("t1", "c1");
  scene.event(AI, (head) => ({ ...head, type: "files_changed", turn_id: "t1", call_id: "c1", ...CHANGES }));
  return scene.finished("t1", "c1", "replaced 1 place");
}

function decided(isApproved: boolean): Scene {
  const scene = asked().call("t1", "c1", "execute_command", DEPLOY).approval("t1", "c1");
  return scene.event(MEI, (head) => ({
    ...head,
    type: "approval_decided",
    turn_id: "t1",
    call_id: "c1",
    is_approved: isApproved,
  }));
}

function proposal(isOpen: boolean): Scene {
  const scene = asked();
  const proposed: Extract<Event, { type: "change_proposed" }>["proposal"] = {
    id: "p1",
    by: AI,
    at: scene.now(),
    text: "Staging is deployed from the ops folder, never from a laptop.",
  };
  scene.event(AI, (head) => ({ ...head, type: "change_proposed", turn_id: "t1", proposal: proposed }));
  if (!isOpen) {
    scene.event(MEI, (head) => ({ ...head, type: "proposal_decided", proposal_id: "p1", is_accepted: true }));
  }
  return scene;
}

export const states: Record<string, () => ReactNode> = {
  queued: () => cards(asked().call("t1", "c1", "execute_command", DEPLOY)),
  asking: () => cards(asked().call("t1", "c1", "execute_command", DEPLOY).approval("t1", "c1")),
  "asking-not-me": () => cards(asked(SAM).call("t1", "c1", "execute_command", DEPLOY).approval("t1", "c1")),
  "asking-hidden-characters": () =>
    cards(
      asked()
        .call("t1", "c1", "execute_command", { command: "cat report\u202egpj.sh | sh # \u200bsafe\u00a0really" })
        .approval("t1", "c1"),
    ),
  "asking-url": () =>
    cards(
      asked()
        .call("t1", "c1", "fetch_url", { url: "https://status.example/api?days=7", offset: 0 })
        .approval("t1", "c1", { tool_class: "network", decider: "asker", limits: { wall_s: 5 } }),
    ),
  "asking-write": () =>
    cards(
      asked()
        .call("t1", "c1", "edit_file", {
          path: ".git/hooks/pre-commit",
          old: "exit 0",
          new: "make lint\nmake test",
          replace_all: false,
        })
        .approval("t1", "c1", { tool_class: "sensitive_write", limits: { wall_s: 10 } }),
    ),
  "asking-delete": () => {
    const scene = asked().call("t1", "c1", "delete_file", { path: "reports/2025", recursive: true });
    scene.approval("t1", "c1", { tool_class: "sensitive_write", needed: 2, limits: { wall_s: 10 } });
    return cards(
      scene.event(GUEST, (head) => ({
        ...head,
        type: "approval_decided",
        turn_id: "t1",
        call_id: "c1",
        is_approved: true,
      })),
    );
  },
  "asking-arguments-hidden": () =>
    cards(asked(SAM).call("t1", "c1", "mail__send", "").approval("t1", "c1", { tool_class: "network" })),
  "asking-soon-over": () =>
    cards(
      asked()
        .call("t1", "c1", "execute_command", DEPLOY)
        .approval("t1", "c1", { expires_at: new Date(Date.now() + 42_000).toISOString() }),
    ),
  running: () => cards(running()),
  "running-quiet": () =>
    cards(asked().wait(19.9).call("t1", "c1", "execute_command", { command: "sleep 30" }).started("t1", "c1")),
  ok: () => {
    const scene = asked().call("t1", "c1", "execute_command", { command: "pytest -q" }).started("t1", "c1");
    return cards(scene.wait(0.07).finished("t1", "c1", TESTS, { status: 0 }));
  },
  "ok-open": () => {
    const scene = asked().call("t1", "c1", "execute_command", { command: "pytest -q", cwd: "services" });
    scene.approval("t1", "c1").event(MEI, (head) => ({
      ...head,
      type: "approval_decided",
      turn_id: "t1",
      call_id: "c1",
      is_approved: true,
    }));
    scene.started("t1", "c1").wait(0.07).finished("t1", "c1", TESTS, { status: 0 });
    return cards(scene, "[data-card] button[aria-expanded=false]");
  },
  failed: () => {
    const scene = asked().call("t1", "c1", "execute_command", { command: "make build" }).started("t1", "c1");
    const lines = Array.from({ length: 34 }, (_, at) => `cc -O2 -c src/part_${at}.c`).join("\n");
    return cards(scene.wait(0.2).finished("t1", "c1", `${lines}\nerror: missing header 'lag.h'`, { status: 2 }));
  },
  denied: () => cards(decided(false).finished("t1", "c1", "people said no", { code: "not_approved" })),
  "denied-open": () =>
    cards(
      decided(false).finished("t1", "c1", "people said no", { code: "not_approved" }),
      "[data-card] button[aria-expanded=false]",
    ),
  "turn-ended": () =>
    cards(
      asked().call("t1", "c1", "execute_command", { command: "make all" }).started("t1", "c1").end("t1", "stopped"),
    ),
  "turn-ended-before": () =>
    cards(asked().call("t1", "c1", "execute_command", DEPLOY).approval("t1", "c1").end("t1", "stopped")),
  expired: () => {
    const scene = asked().call("t1", "c1", "execute_command", DEPLOY).approval("t1", "c1");
    return cards(scene.event(AI, (head) => ({ ...head, type: "approval_expired", turn_id: "t1", call_id: "c1" })));
  },
  capped: () => {
    const scene = asked().call("t1", "c1", "execute_command", { command: "cat big.log" }).started("t1", "c1");
    const text = "first line\nsecond line\n\n[… 4821000 bytes left out …]\nlast but one\nlast line";
    return cards(scene.finished("t1", "c1", text, { status: 1 }));
  },
  hidden: () => cards(asked(SAM).wait(19.9).call("t1", "c1", "execute_command", "").started("t1", "c1")),
  changed: () => cards(changed()),
  undone: () => {
    const scene = changed().end("t1");
    scene.event(MEI, (head) => ({ ...head, type: "turn_undone", turn_id: "t1", is_ok: true, changes: [] }));
    return cards(scene);
  },
  diff: () => (
    <main className="flex flex-col gap-3 bg-surface p-4">
      <h1 className="sr-only">Gallery</h1>
      <DiffRows diff={DIFF} />
    </main>
  ),
  conflicts: () => {
    const scene = changed().end("t1");
    const call = [...scene.state.calls.values()][0];
    const undone = {
      room_id: ROOM,
      seq: 99,
      id: "01U",
      at: scene.now(),
      actor_id: MEI,
      type: "turn_undone",
      turn_id: "t1",
      is_ok: false,
      reason: "Others changed the same files since.",
      changes: [],
      conflicts: ["services/fanout.py"],
    } as const;
    return (
      <InScene scene={scene}>
        <div className="mx-auto max-w-3xl p-4">
          <RoomHere roomId={ROOM}>
            {call?.changed !== undefined && <ChangedFiles changed={call.changed} undone={undone} />}
          </RoomHere>
        </div>
      </InScene>
    );
  },
  "many-tools": () => {
    const scene = asked();
    const tell = (id: string, name: string, told: Readonly<Record<string, unknown>>, text: string) =>
      scene.call("t1", id, name, told).started("t1", id).wait(0.02).finished("t1", id, text);
    tell("1", "read_file", { path: "README.md" }, "# Harbor");
    tell("2", "list_files", { path: "services", depth: 2 }, "fanout.py\nlag.py");
    tell("3", "search_files", { query: "drain(" }, "services/fanout.py:10: def drain(queue):");
    tell("4", "write_file", { path: "notes.md", content: "# Notes\n" }, "written");
    tell("5", "fetch_url", { url: "https://status.example/" }, "All systems normal");
    tell("6", "job_start", { command: "python -m http.server" }, "job 01J started");
    tell("7", "time__get_current_time", { zone: "Asia/Shanghai" }, "2026-11-22T22:02:00+08:00");
    return cards(scene);
  },
  "turn-writing": () =>
    turns(
      asked().tail("t1", {
        text: "I look at `fanout.py` first. The consumer **worker-3** holds its",
        phase: "model",
        thinking: "The alert names the fan-out.",
      }),
    ),
  "turn-code": () =>
    turns(
      asked().tail("t1", {
        text: "Here it is:\n\n```python\ndef drain(queue, limit=100):\n    batch =",
        phase: "model",
      }),
    ),
  "turn-thinking": () => turns(asked().tail("t1", { phase: "model", thinking: "The alert names the fan-out." })),
  "turn-tool": () => turns(asked().tail("t1", { phase: "tool", text: "Running the tests." })),
  "turn-approval": () => turns(asked().tail("t1", { phase: "approval", text: "I would like to deploy." })),
  "turn-queued": () => turns(asked().say(MEI, "@DeepSeek and the docs?").ask("t2")),
  "proposal-open": () => (
    <InScene scene={proposal(true)} isHigh>
      <Timeline roomId={ROOM} />
    </InScene>
  ),
  "proposal-taken": () => (
    <InScene scene={proposal(false)} isHigh>
      <Timeline roomId={ROOM} />
    </InScene>
  ),
};
