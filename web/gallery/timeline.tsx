/** The states of the timeline and its messages. */

import type { ReactNode } from "react";
import { Refused } from "../src/connection/types";
import { RoomHere } from "../src/features/cards/RoomHere";
import { EmptyRoom } from "../src/features/timeline/EmptyRoom";
import { ThreadSheet } from "../src/features/timeline/ThreadSheet";
import { Timeline } from "../src/features/timeline/Timeline";
import { TimelineSkeleton } from "../src/features/timeline/TimelineSkeleton";
import { Pressed } from "./Pressed";
import { InScene, ROOM, Scene } from "./roomScene";
import {
  alternatives,
  cardsFound,
  chinese,
  edited,
  editing,
  files,
  form,
  hostile,
  long,
  notices,
  ofMessages,
  pending,
  streaming,
  talk,
  unread,
  withTurn,
} from "./talks";

const shown = (scene: Scene, more?: ReactNode): ReactNode => (
  <InScene scene={scene} isHigh>
    {more}
    <Timeline roomId={ROOM} />
  </InScene>
);

const sought = (around: () => Promise<boolean>): ReactNode => {
  const scene = long();
  scene.around = around;
  return (
    <InScene scene={scene} isHigh>
      <Timeline roomId={ROOM} focusMessageId="01E-of-before" />
    </InScene>
  );
};

const never = () => new Promise<never>(() => undefined);

export const states: Record<string, () => ReactNode> = {
  streaming: () => shown(streaming()),
  history: () => shown(edited(), <Pressed what="[data-row] button" />),
  toolbar: () => shown(talk(), <Pressed what="[data-row][tabindex='0']" isFocused />),
  loadingOlder: () => {
    const scene = long();
    scene.older = never;
    scene.state = { ...scene.state, messages: scene.state.messages.slice(0, 4) };
    return shown(scene);
  },
  olderFailed: () => {
    const scene = long();
    scene.older = () => Promise.reject(new Refused("offline", "There is no connection."));
    scene.state = { ...scene.state, messages: scene.state.messages.slice(0, 4) };
    return shown(scene);
  },
  seeking: () => sought(never),
  notFound: () => sought(() => Promise.resolve(false)),
  away: () => {
    const scene = long();
    return (
      <InScene scene={scene} isHigh>
        <Timeline roomId={ROOM} focusMessageId={scene.state.messages[8]?.id} />
      </InScene>
    );
  },
  editWords: () => shown(files(), <Pressed what="audio ~ * button:only-child, .w-96 .flex-wrap button" />),
  talk: () => shown(talk()),
  messages: () => shown(ofMessages()),
  pending: () => shown(pending()),
  editing: () => shown(editing()),
  stopped: () => shown(withTurn("stopped")),
  interrupted: () => shown(withTurn("interrupted")),
  hostile: () => shown(hostile()),
  files: () => shown(files()),
  form: () => shown(form()),
  alternatives: () => shown(alternatives()),
  found: () => shown(cardsFound()),
  unread: () => shown(unread()),
  notices: () => shown(notices()),
  chinese: () => shown(chinese()),
  hit: () => {
    const scene = talk();
    return (
      <InScene scene={scene} isHigh>
        <Timeline roomId={ROOM} focusMessageId={scene.state.messages[1]?.id} />
      </InScene>
    );
  },
  empty: () => (
    <InScene scene={new Scene()} isHigh>
      <RoomHere roomId={ROOM}>
        <EmptyRoom />
      </RoomHere>
    </InScene>
  ),
  skeleton: () => (
    <main className="flex h-dvh flex-col bg-surface">
      <h1 className="sr-only">Gallery</h1>
      <TimelineSkeleton />
    </main>
  ),
  thread: () => {
    const scene = ofMessages();
    const root = scene.state.messages.find((message) => message.edited_at !== undefined)?.id ?? "";
    return (
      <InScene scene={scene} isHigh>
        <Timeline roomId={ROOM} />
        <ThreadSheet roomId={ROOM} rootId={root} onClose={() => undefined} />
      </InScene>
    );
  },
};
