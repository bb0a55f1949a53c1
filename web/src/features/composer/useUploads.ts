/** The files of the composer of one place: they outlive its view, so that another room can be looked at meanwhile. */

import type { Client, Rest } from "../../connection/types";
import { i18n } from "../../ui/i18n";
import { formatBytes, formatList } from "../../ui/i18n/format";
import { part } from "../../ui/parts";
import { toast } from "../../ui/Toast";
import { useClient } from "../hooks";
import { aimComposer, composerTarget } from "../replying";
import { giveBack, placeOf } from "./givenBack";
import type { SendFile } from "./sendFile";
import { type Around, type FileDoor, type UploadItem, Uploads } from "./uploads";

const held = new WeakMap<Client, Map<string, Uploads>>();
/** Who is signed in: what comes back to somebody else is not theirs to see. */
let current: Client | undefined;

export function useUploads(roomId: string, threadRoot: string | undefined): Uploads {
  const client = useClient();
  current = client;
  const place = placeOf(roomId, threadRoot);
  const places = held.get(client) ?? new Map<string, Uploads>();
  held.set(client, places);
  const found = places.get(place);
  if (found !== undefined) return found;
  const made = new Uploads(doorOf(client.rest, roomId), aroundOf(client, roomId, threadRoot));
  places.set(place, made);
  return made;
}

/** Whether this client is still that of the page. */
export const isCurrent = (client: Client) => client === current;

/** Fetched before it is wanted, or when it is. */
const sending = part(() => import("./sendFile").then((code) => code.sendFile));

const send: SendFile = async (file, door, around, tell, begun) => {
  await sending.load();
  const code = sending.get();
  if (code.is === "here") return code.value(file, door, around, tell, begun);
  tell({ kind: "failed", id: begun?.attachment.id, reason: "" });
};

function aroundOf(client: Client, roomId: string, threadRoot: string | undefined): Around {
  const page = {};
  return {
    send,
    hash: globalThis.crypto?.subtle === undefined ? undefined : sha256,
    wait: (ms) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
    now: () => performance.now(),
    // By the client: the room may not be looked at any more.
    post: (text, replyTo, attachments) =>
      client.room(roomId).post(text, { attachments, ...(replyTo === undefined ? {} : { replyTo }) }),
    giveBack({ text, replyTo, items }, isAsked) {
      if (!isCurrent(client)) return;
      giveBack(placeOf(roomId, threadRoot), text);
      if (replyTo !== undefined && replyTo !== threadRoot && composerTarget(roomId, threadRoot) === undefined) {
        aimComposer(roomId, threadRoot, { kind: "reply", id: replyTo }, true);
      }
      const names = formatList(items.filter((item) => reasonOf(item) !== undefined).map((item) => item.file.name));
      if (!isAsked) toast(i18n.t("composer.files.notSent", { names }), { tone: "danger" });
    },
    lost(item) {
      if (!isCurrent(client)) return;
      toast(i18n.t("composer.files.lost", { name: item.file.name, reason: reasonOf(item) }), { tone: "danger" });
    },
    tooBig(file) {
      // Not told yet: then the server says it.
      const most = client.limits.get().file_bytes ?? Number.POSITIVE_INFINITY;
      return file.size > most ? i18n.t("composer.files.most", { most: formatBytes(most) }) : undefined;
    },
    busy: (isBusy) => askBeforeLeaving(page, isBusy),
  };
}

function reasonOf({ step }: UploadItem): string | undefined {
  return step.kind === "failed" || step.kind === "refused" ? step.reason : undefined;
}

const busy = new Set<object>();
const ask = (event: BeforeUnloadEvent) => event.preventDefault();

/** Heard only while there is something to lose: a page that hears it always is never kept for the way back. */
function askBeforeLeaving(who: object, isBusy: boolean): void {
  if (isBusy) busy.add(who);
  else busy.delete(who);
  if (busy.size > 0) window.addEventListener("beforeunload", ask);
  else window.removeEventListener("beforeunload", ask);
}

async function sha256(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function doorOf(rest: Rest, roomId: string): FileDoor {
  return {
    whole: (body, name, sum, on) =>
      rest.upload("POST /api/v1/rooms/{room_id}/files", {
        places: { room_id: roomId },
        query: sum === undefined ? { name } : { name, sha256: sum },
        body,
        ...on,
      }),
    begin: (name, size, sum) =>
      rest.call("POST /api/v1/rooms/{room_id}/uploads", {
        places: { room_id: roomId },
        body: sum === undefined ? { name, size } : { name, size, sha256: sum },
      }),
    part: (uploadId, number, body, on) =>
      rest.upload("PUT /api/v1/uploads/{upload_id}/parts/{number}", {
        places: { upload_id: uploadId, number: String(number) },
        body,
        ...on,
      }),
    complete: (uploadId) => rest.call("POST /api/v1/uploads/{upload_id}/complete", { places: { upload_id: uploadId } }),
    status: (uploadId) => rest.call("GET /api/v1/uploads/{upload_id}", { places: { upload_id: uploadId } }),
    cancel: (uploadId) => rest.call("DELETE /api/v1/uploads/{upload_id}", { places: { upload_id: uploadId } }),
  };
}
