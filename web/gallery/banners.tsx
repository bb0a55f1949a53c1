/** Everything that the banners say. */

import type { ReactNode } from "react";
import type { ConnectionStatus } from "../src/connection/types";
import { AiWords } from "../src/features/banners/AiBanner";
import { ConnectionWords } from "../src/features/banners/ConnectionBanner";
import { RoomBanner } from "../src/features/banners/RoomBanner";
import { UpdateWords } from "../src/features/banners/UpdateBanner";
import { NOW } from "./clock";
import { DEPLOY } from "./rooms";

const nothing = () => {};

function status(of: ConnectionStatus, isOnline = true): ReactNode {
  return <ConnectionWords status={of} isOnline={isOnline} onRetry={nothing} onSignIn={nothing} />;
}

const waiting = { kind: "waiting", attempt: 3, retryAt: NOW + 8_000, isRestart: false } as const;

export const states: Record<string, () => ReactNode> = {
  all: () => (
    <main className="flex flex-col gap-3">
      <h1 className="sr-only">Banners</h1>
      {status({ kind: "connecting" })}
      {status(waiting)}
      {status({ ...waiting, attempt: 4, retryAt: NOW })}
      {status({ ...waiting, isRestart: true })}
      {status(waiting, false)}
      {status({ kind: "online", sentAfterBreak: 0 })}
      {status({ kind: "online", sentAfterBreak: 3 })}
      {status({ kind: "ended", reason: "unauthenticated" })}
      {status({ kind: "ended", reason: "disabled" })}
      {status({ kind: "ended", reason: "too_many" })}
      <AiWords told={{ kind: "demo", name: "AI" }} to={`/r/${DEPLOY}/settings/ai`} onPutAway={nothing} />
      <AiWords told={{ kind: "demo", name: "AI" }} to={undefined} onPutAway={nothing} />
      <AiWords told={{ kind: "silent", name: "DeepSeek" }} to={`/r/${DEPLOY}/settings/ai`} onPutAway={nothing} />
      <RoomBanner why="archived" />
      <RoomBanner why="guest" />
      <UpdateWords onReload={nothing} />
    </main>
  ),
};
