/** The bytes of one file of the workspace, with the version they are of. */

import { useCallback, useEffect, useState } from "react";
import { Refused, type Rest } from "../../connection/types";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";

export interface FileContent {
  readonly blob: Blob;
  /** The SHA-256 in quotes: what a change has to name. */
  readonly etag: string;
  /** undefined: it is not a text. */
  readonly text: string | undefined;
}

export async function readFile(rest: Rest, roomId: string, path: string, signal?: AbortSignal): Promise<FileContent> {
  const response = await rest.raw("GET /api/v1/rooms/{room_id}/workspace/file", {
    places: { room_id: roomId },
    query: { path },
    ...(signal === undefined ? {} : { signal }),
  });
  const blob = await response.blob();
  const isText = (response.headers.get("content-type") ?? "").startsWith("text/");
  return { blob, etag: response.headers.get("etag") ?? "", text: isText ? await blob.text() : undefined };
}

/** Writes over the version that `etag` names, and no other; the result names the new one. */
export async function writeFile(
  rest: Rest,
  roomId: string,
  path: string,
  text: string,
  etag: string,
): Promise<string | "conflict"> {
  try {
    const made = await rest.call("PUT /api/v1/rooms/{room_id}/workspace/file", {
      places: { room_id: roomId },
      query: { path },
      body: new Blob([text]),
      headers: { "If-Match": etag },
    });
    return `"${made.sha256 ?? ""}"`;
  } catch (error) {
    if (error instanceof Refused && error.code === "conflict") return "conflict";
    throw error;
  }
}

export interface OpenFile {
  readonly content: FileContent | undefined;
  readonly refusal: string | undefined;
  readonly again: () => void;
}

export function useFile(roomId: string, path: string): OpenFile {
  const { rest } = useClient();
  const [times, setTimes] = useState(0);
  const [held, setHeld] = useState<{
    readonly of: string;
    readonly content: FileContent | undefined;
    readonly refusal: string | undefined;
  }>();
  const of = `${times} ${path}`;
  useEffect(() => {
    const stop = new AbortController();
    readFile(rest, roomId, path, stop.signal).then(
      (content) => {
        if (!stop.signal.aborted) setHeld({ of, content, refusal: undefined });
      },
      (error: unknown) => {
        if (!stop.signal.aborted) setHeld({ of, content: undefined, refusal: sentenceOf(error) });
      },
    );
    return () => stop.abort();
  }, [rest, roomId, path, of]);
  const isOurs = held?.of === of;
  return {
    content: isOurs ? held.content : undefined,
    refusal: isOurs ? held.refusal : undefined,
    again: useCallback(() => setTimes((before) => before + 1), []),
  };
}
