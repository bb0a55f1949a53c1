/** Whole screens, as a team sees them on a working day; two of them are the pictures of the README. */

import type { ReactNode } from "react";
import { Shell } from "../src/features/shell/Shell";
import { type FakeParts, fakeClient } from "./fake";
import { deploy, INCIDENT, incident, LIVE, LIVE_KEY, support } from "./harbor";
import { answers, roomsSeenFrom } from "./harborAnswers";
import { Pressed } from "./Pressed";
import { DEPLOY, SUPPORT } from "./rooms";
import { Scene } from "./Scene";

function scene(roomId: string, parts: FakeParts, search = "", more?: ReactNode): () => ReactNode {
  return () => (
    <Scene
      as="page"
      path={`/r/${roomId}${search}`}
      client={fakeClient({ answers, rooms: roomsSeenFrom(roomId), ...parts })}
    >
      <Shell onSignOut={() => Promise.resolve()} />
      {more}
    </Scene>
  );
}

const live: FakeParts = { states: [incident()], outputs: { [LIVE_KEY]: LIVE } };

export const states: Record<string, () => ReactNode> = {
  deploy: scene(DEPLOY, { states: [deploy()], tails: { "01KTTURN000000000000000T12": { phase: "approval" } } }),
  incident: scene(
    INCIDENT,
    { ...live, tails: { "01KTTURN000000000000000T22": { phase: "tool" } } },
    "",
    <Pressed what="[data-card] [data-diff]" />,
  ),
  incidentTerminal: scene(INCIDENT, live, "?pane=terminal"),
  support: scene(SUPPORT, { states: [support()] }),
  supportUsage: scene(SUPPORT, { states: [support()] }, "?pane=usage"),
};
