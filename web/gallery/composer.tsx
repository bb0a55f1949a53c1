/** The composer in its states. */

import { type ReactNode, useEffect } from "react";
import { type Client, Refused } from "../src/connection/types";
import { Composer } from "../src/features/composer/Composer";
import { CostHint } from "../src/features/composer/CostHint";
import { DropHere } from "../src/features/composer/DropHere";
import { SlashHelp } from "../src/features/composer/SlashHelp";
import type { Uploads } from "../src/features/composer/uploads";
import { useUploads } from "../src/features/composer/useUploads";
import { VoiceBar } from "../src/features/composer/VoiceNote";
import { writeDraft } from "../src/features/preferences";
import { aimComposer } from "../src/features/replying";
import type { RoomState } from "../src/room/state";
import { type Answers, fakeClient, fakeRoom } from "./fake";
import { Pressed } from "./Pressed";
import { ASKS, DEPLOY, deepSeek, deployRoom, guest, mei, sam, turn } from "./rooms";
import { Scene } from "./Scene";

interface Parts {
  readonly draft?: string;
  readonly state?: RoomState;
  readonly client?: Client;
  readonly answers?: Answers;
  readonly prepare?: () => void;
  readonly children?: ReactNode;
}

const quiet = (more: Partial<RoomState> = {}) => deployRoom({ turns: new Map(), ...more });
const works = (more: Partial<Parameters<typeof turn>[2]> = {}) =>
  deployRoom({ turns: new Map([[ASKS, turn(ASKS, 1208, { askers: [mei.id], ...more })]]) });

function composer({ draft = "", state = quiet(), client, answers = {}, prepare, children }: Parts = {}) {
  return () => {
    writeDraft(DEPLOY, draft);
    prepare?.();
    return (
      <Scene as="timeline" client={client ?? fakeClient({ states: [state], answers })}>
        <div className="flex-1" />
        {children}
        <Composer roomId={DEPLOY} />
      </Scene>
    );
  };
}

function as(meId: typeof mei, state: RoomState): Client {
  return fakeClient({ me: meId, states: [state] });
}

/** A server that takes nothing more for a while. */
function tooFast(): Client {
  const parts = { states: [works()] };
  const room = {
    ...fakeRoom(DEPLOY, parts),
    ask: () => Promise.reject(new Refused("rate_limited", "not so fast", 12)),
  };
  return { ...fakeClient(parts), room: () => room };
}

/** Files that stand still on their way: each name says how it goes. */
function sending(): Client {
  const client = fakeClient({ states: [quiet()] });
  return {
    ...client,
    rest: {
      ...client.rest,
      upload: (_operation, options) => {
        const name = JSON.stringify(options.query);
        if (name.includes("trace")) return Promise.reject(new Refused("too_big", "a file may have at most 10 MB"));
        if (name.includes("notes"))
          return Promise.reject(new Refused("broken", "The server's answer cannot be understood."));
        if (name.includes("lag")) options.onProgress(0.42);
        if (!name.includes("chart") && !name.includes("voice")) return new Promise(() => {});
        // What is answered is read for these parts only.
        return Promise.resolve(JSON.parse('{"room_id":"r","attachment":{"id":"u1","state":"ready"}}'));
      },
    },
  };
}

function WithFiles() {
  const uploads: Uploads = useUploads(DEPLOY, undefined);
  useEffect(() => {
    if (uploads.items.get().length > 0) return;
    uploads.add([
      new File([new Uint8Array(1_240_000)], "lag-by-subscriber.csv", { type: "text/csv" }),
      new File([new Uint8Array(84_000)], "chart.png", { type: "image/png" }),
      new File([new Uint8Array(300)], "notes.md"),
      new File([new Uint8Array(300)], "trace.bin"),
    ]);
    uploads.add([new File([new Uint8Array(92_000)], "voice.webm", { type: "audio/webm" })], true);
    uploads.refuse(new File([], "logs"), "A folder cannot be attached. Put it into an archive first.");
  }, [uploads]);
  return null;
}

function WithWaiting() {
  const uploads: Uploads = useUploads(DEPLOY, undefined);
  useEffect(() => {
    if (uploads.waiting.get().length > 0) return;
    uploads.add([
      new File([new Uint8Array(1_240_000)], "lag-by-subscriber.csv", { type: "text/csv" }),
      new File([new Uint8Array(84_000)], "chart.png", { type: "image/png" }),
    ]);
    uploads.send(
      "Here is the lag of the last week, by subscriber and by the hour. The chart is of Friday alone.",
      undefined,
    );
    uploads.add([new File([new Uint8Array(8_000)], "lag-of-today.csv", { type: "text/csv" })]);
    uploads.send("", undefined);
  }, [uploads]);
  return null;
}

const capped: Partial<RoomState> = { budget: { total: { micros_per_month: 20_000_000 } } };
const estimate: Answers = {
  "POST /api/v1/rooms/{room_id}/estimate": {
    ai_id: deepSeek.id,
    model: "deepseek-chat",
    tokens_in: 8_200,
    tokens_out_at_most: 4_000,
    cost_micros_at_most: 21_400,
    currency: "CNY",
    caps: [{ scope: "room", period: "month", unit: "micros", cap: 20_000_000, used: 1_840_000 }],
  },
};

export const states: Record<string, () => ReactNode> = {
  empty: composer(),
  draft: composer({
    draft: "The fan-out looks fine on my machine.\nI would still hold the release until\nSam has seen the graph.",
  }),
  mentions: composer({ draft: "Could @" }),
  mentionsFit: composer({ draft: "请 @de" }),
  commands: composer({ draft: "/", state: works() }),
  commandsFit: composer({ draft: "/s" }),
  files: composer({ client: sending(), draft: "Here is what I have:", children: <WithFiles /> }),
  waiting: composer({ client: sending(), draft: "Meanwhile:", children: <WithWaiting /> }),
  reply: composer({
    draft: "Agreed.",
    prepare: () => aimComposer(DEPLOY, undefined, { kind: "reply", id: deployRoom().messages[3]?.id ?? "" }),
  }),
  steer: composer({
    state: works(),
    prepare: () => aimComposer(DEPLOY, undefined, { kind: "steer", id: ASKS }),
  }),
  busy: composer({ state: works({ steering: ["m"] }), draft: "Only staging, please." }),
  busyOthers: composer({
    client: as(
      sam,
      deployRoom({ turns: new Map([[ASKS, turn(ASKS, 1208, { askers: [mei.id] })]]), typing: new Set([mei.id]) }),
    ),
    draft: "And the changelog?",
  }),
  typing: composer({ state: quiet({ typing: new Set([sam.id, guest.id]) }) }),
  offersCost: composer({ state: quiet(capped), draft: "@DeepSeek compare the last three releases" }),
  cost: () => (
    <Scene client={fakeClient({ states: [quiet(capped)], answers: estimate })}>
      <div className="text-meta text-ink-3">
        <CostHint room={fakeRoom(DEPLOY)} text="compare" aiId={deepSeek.id} isAsked onClose={() => {}} />
      </div>
    </Scene>
  ),
  tooLong: composer({ draft: "数据 ".repeat(10_700) }),
  slower: composer({
    client: tooFast(),
    draft: "/stop",
    children: <Pressed what="[data-send]" />,
  }),
  drop: composer({ children: <DropHere into="#deploy-room" /> }),
  archived: composer({ state: { ...quiet(), room: { ...quiet().room, archived_at: "2026-11-20T12:00:00.000Z" } } }),
  guest: composer({ client: as(guest, quiet()) }),
  opening: composer({ client: fakeClient({ states: [] }) }),
  recording: () => (
    <Scene as="timeline">
      <div className="rounded-composer border border-line-strong bg-surface">
        <VoiceBar
          seconds={12.4}
          levels={Array.from({ length: 28 }, (_, place) => Math.abs(Math.sin(place * 0.9)) * 0.9)}
          onCancel={() => {}}
          onFinish={() => {}}
        />
      </div>
    </Scene>
  ),
  help: () => (
    <Scene>
      <SlashHelp isOpen onClose={() => {}} onTake={() => {}} />
    </Scene>
  ),
};
