/** Sends one file into a room: whole if it is small, else in parts, each tried again for a while. Knows no page. */

import { Refused } from "../../connection/types";
import type { Upload } from "../../protocol/api";

export const WHOLE_BYTES = 8 * 1024 * 1024;
/** A browser hashes only what lies in memory as a whole; the sum may be left out. */
export const HASHED_BYTES = 64 * 1024 * 1024;
const PATIENCE_MS = 60_000;
const PASSING: ReadonlySet<string> = new Set(["unavailable", "busy", "rate_limited", "unknown", "offline"]);

export interface OnItsWay {
  /** Between 0 and 1. */
  readonly onProgress: (done: number) => void;
  readonly signal: AbortSignal;
}

/** What the server takes. Everything rejects with `Refused`. */
export interface Door {
  whole(file: Blob, name: string, sha256: string | undefined, on: OnItsWay): Promise<Upload>;
  begin(name: string, size: number, sha256: string | undefined): Promise<Upload>;
  part(uploadId: string, number: number, piece: Blob, on: OnItsWay): Promise<Upload>;
  complete(uploadId: string): Promise<Upload>;
}

export interface Surroundings {
  /** Undefined where the browser gives none: on plain http to another machine. */
  readonly hash: ((file: Blob) => Promise<string>) | undefined;
  readonly wait: (ms: number) => Promise<void>;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export type Step =
  | { readonly kind: "checking" }
  /** `id`, once the server has begun it: a message may carry it from then on. */
  | { readonly kind: "sending"; readonly id: string | undefined; readonly done: number }
  | { readonly kind: "ready"; readonly id: string }
  /** It may well come through another time. */
  | { readonly kind: "failed"; readonly id: string | undefined; readonly reason: string }
  /** The server does not take it. */
  | { readonly kind: "refused"; readonly code: string; readonly reason: string };

export type SendFile = typeof sendFile;

/** Tells each step; ends with `ready`, `failed` or `refused`. With `begun` it goes on where that upload is. */
export async function sendFile(
  file: File,
  door: Door,
  around: Surroundings,
  tell: (step: Step) => void,
  begun?: Upload,
): Promise<void> {
  let id = begun?.attachment.id;
  try {
    const isWhole = file.size <= WHOLE_BYTES && begun === undefined;
    let sha256: string | undefined;
    if (begun === undefined && around.hash !== undefined && file.size <= HASHED_BYTES) {
      tell({ kind: "checking" });
      sha256 = await around.hash(file);
      around.signal.throwIfAborted();
    }
    tell({ kind: "sending", id, done: 0 });
    if (isWhole) {
      const sent = await patiently(around, () =>
        door.whole(file, file.name, sha256, {
          onProgress: (done) => tell({ kind: "sending", id: undefined, done }),
          signal: around.signal,
        }),
      );
      return tell(ended(sent));
    }
    const upload = begun ?? (await patiently(around, () => door.begin(file.name, file.size, sha256)));
    id = upload.attachment.id;
    if (upload.plan === undefined) return tell(ended(upload));
    await sendParts(file, upload, door, around, tell);
    return tell(ended(await patiently(around, () => door.complete(upload.attachment.id))));
  } catch (error) {
    if (around.signal.aborted) return;
    tell(wrong(error, id));
  }
}

async function sendParts(
  file: File,
  upload: Upload,
  door: Door,
  around: Surroundings,
  tell: (step: Step) => void,
): Promise<void> {
  const { plan, attachment } = upload;
  if (plan === undefined) return;
  const there = new Set(plan.received);
  const sizeOf = (number: number) => Math.max(0, Math.min(plan.part_bytes, file.size - (number - 1) * plan.part_bytes));
  let sent = 0;
  for (const number of there) sent += sizeOf(number);
  const share = (bytes: number) => (file.size === 0 ? 1 : Math.min(1, bytes / file.size));
  tell({ kind: "sending", id: attachment.id, done: share(sent) });
  for (let number = 1; number <= plan.parts; number++) {
    if (there.has(number)) continue;
    const size = sizeOf(number);
    const begins = (number - 1) * plan.part_bytes;
    const before = sent;
    await patiently(around, () =>
      door.part(attachment.id, number, file.slice(begins, begins + size), {
        onProgress: (done) => tell({ kind: "sending", id: attachment.id, done: share(before + done * size) }),
        signal: around.signal,
      }),
    );
    sent += size;
    tell({ kind: "sending", id: attachment.id, done: share(sent) });
  }
}

/** Again after what passes, longer apart each time, as the server asks, and not for ever. */
async function patiently<T>(around: Surroundings, act: () => Promise<T>): Promise<T> {
  const until = around.now() + PATIENCE_MS;
  for (let tries = 0; ; tries++) {
    around.signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      if (around.signal.aborted || !(error instanceof Refused) || !PASSING.has(error.code)) throw error;
      const wait = Math.min(5_000, 500 * 2 ** tries) + (error.retryAfterS ?? 0) * 1_000;
      if (around.now() + wait > until) throw error;
      await around.wait(wait);
    }
  }
}

function ended(upload: Upload): Step {
  const { id, state, reason } = upload.attachment;
  if (state === "ready") return { kind: "ready", id };
  return { kind: "failed", id, reason: reason ?? "" };
}

function wrong(error: unknown, id: string | undefined): Step {
  if (!(error instanceof Refused)) return { kind: "failed", id, reason: "" };
  if (PASSING.has(error.code) || error.code === "broken") {
    // The words of being offline are the interface's own.
    return { kind: "failed", id, reason: error.code === "offline" ? "" : error.message };
  }
  return { kind: "refused", code: error.code, reason: error.message };
}
