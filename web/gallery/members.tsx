/** The pane of members in its states. */

import type { ReactNode } from "react";
import { AddAi } from "../src/features/members/AddAi";
import { AddMember } from "../src/features/members/AddMember";
import { type Doing, MemberActs } from "../src/features/members/MemberActs";
import { MembersPane } from "../src/features/members/MembersPane";
import { NewInvite } from "../src/features/members/NewInvite";
import type { RoomState } from "../src/room/state";
import { ago, ahead } from "./clock";
import { type Answers, type FakeParts, fakeClient, fakeRoom } from "./fake";
import { Pressed } from "./Pressed";
import { DEPLOY, deepSeek, deployRoom, guest, lin, mei, member, sam } from "./rooms";
import { Scene } from "./Scene";

const answers: Answers = {
  "GET /api/v1/rooms/{room_id}/invites": {
    invites: [
      {
        id: "i1",
        created_by: mei.id,
        role: "guest",
        created_at: ago(60),
        expires_at: ahead(60 * 24 * 7 - 1),
        uses_left: 4,
      },
      { id: "i2", created_by: sam.id, role: "member", created_at: ago(300), expires_at: ahead(50), uses_left: 1 },
      { id: "i3", created_by: sam.id, role: "member", created_at: ago(300), revoked_at: ago(20) },
    ],
  },
  "GET /api/v1/ai": {
    ais: [
      {
        account_id: deepSeek.id,
        handle: "deepseek",
        name: "DeepSeek",
        provider: "auto",
        answers_with: "deepseek-chat",
        is_demo: false,
        can_answer: true,
      },
      {
        account_id: "a2",
        handle: "qwen",
        name: "Qwen",
        provider: "auto",
        model: "qwen3-max",
        is_demo: false,
        can_answer: true,
      },
      {
        account_id: "a3",
        handle: "local",
        name: "Local model",
        provider: "auto",
        model: "llama",
        is_demo: false,
        can_answer: false,
      },
    ],
  },
  "POST /api/v1/rooms/{room_id}/invites": {
    id: "i4",
    code: "mi_Zk3vT1c9QxWm2bN8sLr5yHf0aJd7uEgP",
    role: "member",
    expires_at: ahead(60 * 24 * 7),
    uses: 1,
  },
};

const room = (more: Partial<RoomState> = {}) =>
  deployRoom({ members: new Map([...deployRoom().members, [lin.id, member(lin, "member")]]), ...more });

function pane(state: RoomState, parts: FakeParts = {}) {
  return () => (
    <Scene as="pane" client={fakeClient({ answers, states: [state], ...parts })}>
      <MembersPane roomId={DEPLOY} />
    </Scene>
  );
}

const many = new Map(
  Array.from({ length: 40 }, (_, place) => {
    const one = { ...sam, id: `p${place}`, handle: `person${place}`, display_name: `Person ${place}` };
    return [one.id, member(one, "member")] as const;
  }),
);

function acting(doing: Doing) {
  return () => (
    <Scene client={fakeClient({ answers, states: [room()] })}>
      <MemberActs room={fakeRoom(DEPLOY)} state={room()} doing={doing} onDone={() => {}} />
    </Scene>
  );
}

const allAis = new Map(["a2", "a3", deepSeek.id].map((id) => [id, member({ ...deepSeek, id }, "ai")]));

const dialog = (children: ReactNode) => () => <Scene client={fakeClient({ answers })}>{children}</Scene>;
const nothing = () => {};

export const states: Record<string, () => ReactNode> = {
  owner: pane(room()),
  member: pane(room(), { me: lin }),
  banned: pane(room({ banned: new Set([guest.id, "gone"]) })),
  many: pane(deployRoom({ members: new Map([...deployRoom().members, ...many]) })),
  direct: pane({ ...room(), room: { ...room().room, kind: "direct" } }),
  loading: pane(room(), { states: [] }),
  role: acting({ kind: "role", member: member(sam, "admin"), role: "owner" }),
  lastOwner: acting({ kind: "leave", member: member(mei, "owner") }),
  handOver: acting({ kind: "handOver", member: member(mei, "owner") }),
  ban: acting({ kind: "ban", member: member(sam, "admin") }),
  addMember: dialog(
    <AddMember room={fakeRoom(DEPLOY)} members={room().members} highest="admin" isOpen onOpenChange={nothing} />,
  ),
  addAi: dialog(<AddAi room={fakeRoom(DEPLOY)} members={deployRoom().members} isOpen onOpenChange={nothing} />),
  addMemberSome: () => (
    <Scene client={fakeClient({ answers })}>
      <AddMember room={fakeRoom(DEPLOY)} members={new Map()} highest="admin" isOpen onOpenChange={nothing} />
    </Scene>
  ),
  addAiAll: dialog(<AddAi room={fakeRoom(DEPLOY)} members={allAis} isOpen onOpenChange={nothing} />),
  inviteMade: dialog(
    <>
      <NewInvite room={fakeRoom(DEPLOY)} highest="admin" isOpen onOpenChange={nothing} onMade={nothing} />
      <Pressed what="[type=submit]" />
    </>,
  ),
  newInvite: dialog(
    <NewInvite room={fakeRoom(DEPLOY)} highest="admin" isOpen onOpenChange={nothing} onMade={nothing} />,
  ),
};
