/** What is being sent into the workspace: one file after the other, in the order in which they were given. */

import { useCallback, useRef, useState } from "react";
import type { RoomClient } from "../../connection/types";
import { useClient } from "../hooks";
import { type Sending, send, type ToSend, toSend } from "./sending";

export interface Sendings {
  readonly all: readonly Sending[];
  readonly add: (files: readonly File[], folder: string) => void;
  readonly replace: (key: string) => void;
  readonly forget: (key: string) => void;
}

export function useSending(room: RoomClient): Sendings {
  const { rest, limits } = useClient();
  const [all, setAll] = useState<readonly Sending[]>([]);
  const given = useRef(new Map<string, ToSend>());
  const queue = useRef(Promise.resolve());

  const tell = useCallback(
    (sending: Sending) => setAll((before) => before.map((one) => (one.key === sending.key ? sending : one))),
    [],
  );
  const line = useCallback(
    (one: ToSend, isReplacing: boolean) => {
      queue.current = queue.current.then(() =>
        send(rest, room.id, one, isReplacing, tell, limits.get().workspace_file_bytes),
      );
    },
    [rest, limits, room.id, tell],
  );
  const add = useCallback(
    (files: readonly File[], folder: string) => {
      for (const one of toSend(files, folder)) {
        given.current.set(one.key, one);
        setAll((before) => [...before, { key: one.key, path: one.path, done: 0, state: "waiting", reason: undefined }]);
        line(one, false);
      }
    },
    [line],
  );
  const replace = useCallback(
    (key: string) => {
      const one = given.current.get(key);
      if (one !== undefined) line(one, true);
    },
    [line],
  );
  const forget = useCallback((key: string) => {
    given.current.delete(key);
    setAll((before) => before.filter((one) => one.key !== key));
  }, []);
  return { all, add, replace, forget };
}
