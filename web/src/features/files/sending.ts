/** Sends files into the workspace, one after the other, and says how far each is. */

import { Refused, type Rest } from "../../connection/types";
import { sentenceOf } from "../answers";
import { joined } from "./paths";

/** What a server takes of one file that a person puts, where it does not tell. */
export const MOST_BYTES = 3 * 1024 * 1024;

export interface Sending {
  readonly key: string;
  readonly path: string;
  /** Between 0 and 1. */
  readonly done: number;
  readonly state: "waiting" | "sending" | "done" | "there" | "refused" | "too_big";
  readonly reason: string | undefined;
}

export interface ToSend {
  readonly key: string;
  readonly path: string;
  readonly file: Blob;
}

let made = 0;

export function toSend(files: readonly File[], folder: string): readonly ToSend[] {
  return files.map((file) => {
    made += 1;
    return { key: `sent ${made}`, path: joined(folder, file.name), file };
  });
}

/** A file that is there already is left as it is, unless `isReplacing`. Never rejects: `tell` hears what became of it. */
export async function send(
  rest: Rest,
  roomId: string,
  one: ToSend,
  isReplacing: boolean,
  tell: (sending: Sending) => void,
  most: number = MOST_BYTES,
): Promise<void> {
  const base = { key: one.key, path: one.path, done: 0, reason: undefined };
  if (one.file.size > most) {
    tell({ ...base, state: "too_big" });
    return;
  }
  tell({ ...base, state: "sending" });
  try {
    await rest.upload("PUT /api/v1/rooms/{room_id}/workspace/file", {
      places: { room_id: roomId },
      query: { path: one.path },
      body: one.file,
      ...(isReplacing ? { headers: { "If-Match": "*" } } : {}),
      onProgress: (done) => tell({ ...base, done, state: "sending" }),
    });
    tell({ ...base, done: 1, state: "done" });
  } catch (error) {
    const isThere = !isReplacing && error instanceof Refused && error.code === "conflict";
    tell({ ...base, state: isThere ? "there" : "refused", reason: sentenceOf(error) });
  }
}
