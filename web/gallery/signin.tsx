/** What is seen before anyone is signed in. */

import type { ReactNode } from "react";
import { makeSession, type Session } from "../src/connection/session";
import { Refused } from "../src/connection/types";
import { Invite } from "../src/features/signin/Invite";
import { SignIn } from "../src/features/signin/SignIn";
import type { Preview } from "../src/protocol/api";
import type { Account } from "../src/protocol/wire";
import { mei } from "./rooms";

const never = () => new Promise<never>(() => {});
const nothing = () => {};
const session: Session = { ...makeSession({ fetch: never }) };
const withSupabase = makeSession({
  fetch: async () => {
    const supabase = { url: "https://project.supabase.co", anon_key: "k", ways: ["password", "magic_link", "github"] };
    return Response.json({ ways: ["password", "link", "supabase"], supabase });
  },
});
const expired = () => Promise.reject(new Refused("unauthenticated", "this link is no longer valid", undefined, 401));

const preview: Preview = {
  room_id: "01KTDEPLOY0000000000000R01",
  kind: "room",
  name: "deploy-room",
  topic: "Releases, staging, and who broke what",
  role: "guest",
  members: 4,
};

function signIn(link?: string, of: Session = session, me?: Account): () => ReactNode {
  return () => <SignIn session={of} link={link} me={me} onSignedIn={nothing} onLinkUsed={nothing} />;
}

function invite(of: Partial<Session>, me?: Account, code: string | undefined = "mi_x"): () => ReactNode {
  return () => <Invite session={{ ...session, ...of }} code={code} me={me} onJoined={nothing} onLeave={nothing} />;
}

export const states: Record<string, () => ReactNode> = {
  password: signIn(),
  link: signIn("ml_x", { ...session, signInByLink: never }),
  supabase: signIn(undefined, withSupabase),
  supabaseRefused: () => (
    <SignIn session={session} returned={{ refused: "otp_expired" }} onSignedIn={nothing} onLinkUsed={nothing} />
  ),
  linkExpired: signIn("ml_x", { ...session, signInByLink: expired }),
  linkExpiredSignedIn: signIn("ml_x", { ...session, signInByLink: expired }, mei),
  inviteNew: invite({ previewInvite: () => Promise.resolve(preview) }),
  inviteSignedIn: invite({ previewInvite: () => Promise.resolve(preview) }, mei),
  inviteChinese: invite({
    previewInvite: () =>
      Promise.resolve({ ...preview, name: "客户支持", topic: "客户反馈与处理进度", role: "member", members: 12 }),
  }),
  inviteExpired: invite({
    previewInvite: () => Promise.reject(new Refused("not_found", "there is no such invite", undefined, 404)),
  }),
  noAccess: () => <Invite session={session} code={undefined} me={undefined} onJoined={nothing} onLeave={nothing} />,
};
