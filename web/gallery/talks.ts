/** What is said and done in the pictures of the timeline. */

import { editMessage } from "../src/features/replying";
import type { Attachment } from "../src/protocol/wire";
import { AI, GUEST, MEI, ROOM, SAM, Scene } from "./roomScene";

const ANSWER = `I read \`fanout.py\` and the last 200 lines of the log. The lag comes from **one slow consumer**:

1. \`worker-3\` holds the partition for 40 s
2. the others wait for its heartbeat

| worker | lag | state |
|---|---:|---|
| worker-1 | 0.2 s | ok |
| worker-3 | 41.8 s | *slow* |

\`\`\`python
def drain(queue, limit=100):
    # Takes what is there, and no more.
    return [queue.get() for _ in range(min(limit, len(queue)))]
\`\`\`

See [the runbook](https://runbook.example/lag) or ask @sam. 详细说明见下文。`;

const file = (name: string, more: Partial<Attachment> = {}): Attachment => ({
  id: `01F${name.length}`,
  name,
  size: 48_210,
  state: "ready",
  family: "text",
  ...more,
});

export function talk(): Scene {
  const scene = new Scene();
  scene.wait(-1_300).say(SAM, "Deploys are green again, thanks everyone.");
  scene.wait(1_300).say(MEI, "@DeepSeek the lag alert fired again, can you look at the fan-out?", {
    attachments: [file("lag-2026-11-20.csv", { family: "office" })],
  });
  scene.ask("t1").begin("t1").call("t1", "c1", "read_file", { path: "services/fanout.py" }).started("t1", "c1");
  scene.finished("t1", "c1", "def drain(queue): ...\n");
  scene.say(AI, ANSWER, { turn_id: "t1", asked_by: [MEI] }).end("t1");
  scene.wait(2).say(SAM, "Nice. I will move worker-3 off that host.");
  scene.say(SAM, "Give me ten minutes.");
  scene.event(MEI, (head) => ({ ...head, type: "reaction_added", message_id: scene.lastId(), emoji: "👍" }));
  scene.event(GUEST, (head) => ({ ...head, type: "reaction_added", message_id: scene.lastId(), emoji: "🎉" }));
  return scene;
}

export function ofMessages(): Scene {
  const scene = talk();
  const answered = scene.lastId();
  scene.wait(3).say(GUEST, "From outside: is the dashboard public?", {});
  const edited = scene.lastId();
  scene.event(GUEST, (head) => ({
    ...head,
    type: "message_edited",
    message_id: edited,
    text: "From outside: is the *status page* public?",
    revision: 2,
    mentions: [],
    mention_groups: [],
    is_redacted: false,
  }));
  scene.say(MEI, "It is, since Monday.", { reply_to: edited, thread_root: edited });
  scene.event(MEI, (head) => ({ ...head, type: "message_pinned", message_id: answered }));
  scene.wait(6).say(SAM, "wrong channel");
  scene.event(SAM, (head) => ({ ...head, type: "message_deleted", message_id: scene.lastId() }));
  return scene;
}

export function withTurn(outcome: "stopped" | "interrupted"): Scene {
  const scene = new Scene();
  scene.say(MEI, "@DeepSeek write the release notes").ask("t1").begin("t1");
  if (outcome === "stopped") scene.event(SAM, (head) => ({ ...head, type: "turn_stop_requested", turn_id: "t1" }));
  scene.say(AI, "Release 2.4 brings three changes. First, the fan-out no longer", { turn_id: "t1", asked_by: [MEI] });
  return scene.end("t1", outcome, outcome === "interrupted" ? "the server restarted" : "", scene.lastId());
}

export function hostile(): Scene {
  const scene = new Scene();
  scene.say(GUEST, '<img src=x onerror="alert(1)"><script>alert(1)</script> <b>bold?</b>');
  scene.say(GUEST, "[https://bank.example/login](https://evil.example/steal) and [press](javascript:alert(1))");
  scene.say(GUEST, "![a cat](https://tracker.example/cat.png?who=mei) and ![x](data:image/svg+xml;base64,AAAA)");
  scene.say(GUEST, "[report\u202egpj.exe](https://files.example/report.exe) https://xn--80ak6aa92e.example/");
  return scene;
}

export function files(): Scene {
  const scene = new Scene();
  scene.say(MEI, "Everything from the call:", {
    attachments: [
      file("board.png", {
        id: "01FA",
        family: "image",
        has_thumbnail: true,
        is_inline_safe: true,
        width: 640,
        height: 360,
      }),
      file("plan.pdf", { id: "01FB", family: "pdf", pages: 12, size: 1_204_000 }),
      file("notes.ogg", {
        id: "01FC",
        family: "audio",
        is_inline_safe: true,
        transcript: { state: "done", text: "We move worker three first, then watch the lag for an hour." },
      }),
      file("call.ogg", { id: "01FD", family: "audio", is_inline_safe: true, transcript: { state: "running" } }),
      file("huge.zip", { id: "01FE", family: "archive", state: "pending" }),
      file("broken.csv", { id: "01FF", state: "failed", reason: "The upload broke off." }),
      file("old.txt", { id: "01FG", state: "removed", reason: "" }),
    ],
  });
  scene.listening.set("01FD", 0.42);
  return scene;
}

export function form(): Scene {
  const scene = new Scene();
  scene.say(MEI, "@DeepSeek plan the maintenance window").ask("t1").begin("t1");
  scene.say(AI, "", {
    turn_id: "t1",
    asked_by: [MEI],
    form: {
      text: "Two things before I plan it:",
      questions: [
        { id: "q1", text: "Which night?", kind: "one_of", choices: ["Tuesday", "Wednesday"] },
        { id: "q2", text: "Who should know?", kind: "any_of", choices: ["Support", "Customers", "On-call"] },
        { id: "q3", text: "Anything to watch out for?", kind: "text", choices: [] },
      ],
      answers: [],
    },
  });
  return scene.end("t1");
}

export function alternatives(): Scene {
  const scene = new Scene();
  scene.say(MEI, "@DeepSeek a name for the service?").ask("t1").begin("t1");
  scene.say(AI, "How about *ferry*?", { turn_id: "t1", asked_by: [MEI] }).end("t1");
  const message = scene.lastId();
  scene.event(AI, (head) => ({
    ...head,
    type: "answer_regenerated",
    message_id: message,
    answer: { turn_id: "t2", at: head.at, text: "How about *harbor*? It fits the company." },
    revision: 2,
    mentions: [],
    is_redacted: false,
  }));
  return scene;
}

export function cardsFound(): Scene {
  const scene = new Scene();
  scene.say(MEI, "@DeepSeek find pasta with lemon").ask("t1").begin("t1");
  const card = (title: string, path: string) => ({
    title,
    url: `https://recipes.example/${path}`,
    site: "recipes.example",
    text: "Ready in twenty minutes, with what is in the house: lemon, butter, black pepper and a little of the water.",
    sources: [],
  });
  scene.say(AI, "Three that fit:", {
    turn_id: "t1",
    asked_by: [MEI],
    taint: ["nlweb"],
    cards: [card("Lemon spaghetti", "lemon"), card("Limone with basil", "basil"), card("Cold lemon orzo", "orzo")],
  });
  return scene.end("t1");
}

export function unread(): Scene {
  const scene = new Scene().wait(-90);
  for (let count = 0; count < 14; count += 1)
    scene.wait(7).say(count % 2 === 0 ? SAM : MEI, `Step ${count + 1} is done.`);
  const seq = scene.state.messages[9]?.seq ?? 0;
  const mark = { seq, unread: 2, mentions: 0 };
  scene.state = { ...scene.state, read: mark, readBefore: mark };
  return scene;
}

export function notices(): Scene {
  const scene = new Scene();
  scene.event(MEI, (head) => ({ ...head, type: "room_renamed", name: "deploy-room" }));
  scene.event(MEI, (head) => ({ ...head, type: "topic_set", topic: "Release 2.4, freeze on Friday" }));
  scene.event(MEI, (head) => ({ ...head, type: "role_changed", account_id: SAM, role: "admin", previous: "member" }));
  scene.say(MEI, "@DeepSeek status?").ask("t1").begin("t1").end("t1", "failed", "The provider did not answer.");
  scene.event(SAM, (head) => ({
    ...head,
    type: "files_changed",
    before: "a",
    after: "b",
    changes: [{ path: "docs/plan.md", kind: "changed", added_lines: 4, removed_lines: 1 }],
  }));
  return scene;
}

export function pending(): Scene {
  const scene = talk();
  const common = { roomId: ROOM, replyTo: undefined, attachments: [], at: scene.now() };
  scene.pending = [
    { ...common, key: "1", text: "On my way.", state: "sending", reason: undefined },
    { ...common, key: "2", text: "Also: **do not** restart worker-1.", state: "waiting", reason: undefined },
    { ...common, key: "3", text: "And this one", state: "refused", reason: "As guest of this room you may not post." },
  ];
  return scene;
}

export function chinese(): Scene {
  const scene = new Scene();
  scene.say(MEI, "@DeepSeek 帮忙看看客户反馈里最常见的三个问题，谢谢。").ask("t1").begin("t1");
  scene.say(
    AI,
    "整理好了：\n\n1. **发票抬头**填写后不能修改\n2. 手机端上传图片偶尔失败\n3. 夜间客服回复较慢\n\n需要我起草一份回复模板吗？",
    {
      turn_id: "t1",
      asked_by: [MEI],
    },
  );
  scene.end("t1").wait(2).say(SAM, "好的，先从发票开始吧。مرحبا بالجميع");
  return scene;
}

export function editing(): Scene {
  const scene = new Scene();
  scene.say(SAM, "Shall we freeze on Friday?").say(MEI, "Yes, at noon. I will tell support.");
  editMessage(ROOM, undefined, scene.lastId());
  return scene;
}

/** More than a window holds, with older ones on the server. */
export function long(): Scene {
  const scene = new Scene().wait(-240);
  for (let count = 1; count <= 30; count += 1)
    scene.wait(7).say(count % 3 === 0 ? MEI : SAM, `Step ${count} of the migration is done, nothing to see.`);
  scene.state = { ...scene.state, hasOlder: true };
  return scene;
}

export function streaming(): Scene {
  const scene = talk();
  scene.wait(1).say(SAM, "@DeepSeek and what of the backlog?").ask("t2", SAM).begin("t2");
  return scene.tail("t2", {
    phase: "model",
    text: "The backlog drains at **540 deliveries a second**. At this pace it is",
  });
}

export function edited(): Scene {
  const scene = new Scene().say(SAM, "We freeze on Friday at noon.");
  const id = scene.lastId();
  const revision = (number: number, text: string) => ({ revision: number, text, at: scene.now(), attachments: [] });
  scene.answers = {
    "GET /api/v1/rooms/{room_id}/messages/{message_id}": () => ({
      revisions: [revision(0, "We freeze on Thursday."), revision(1, "We freeze on Friday.")],
    }),
  };
  return scene.event(SAM, (head) => ({
    ...head,
    type: "message_edited",
    message_id: id,
    text: "We freeze on Friday at noon.",
    revision: 2,
    mentions: [],
    mention_groups: [],
    is_redacted: false,
  }));
}
