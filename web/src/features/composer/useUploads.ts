/** The files of the composer of one place: they outlive its view, so that another room can be looked at meanwhile. */

import type { Client, Rest } from "../../connection/types";
import { i18n } from "../../ui/i18n";
import { formatBytes } from "../../ui/i18n/format";
import { toast } from "../../ui/Toast";
import { useClient } from "../hooks";
import { type FileDoor, type UploadItem, Uploads } from "./uploads";

const held = new WeakMap<Client, Map<string, Uploads>>();

export function useUploads(roomId: string, threadRoot: string | undefined): Uploads {
  const client = useClient();
  const place = threadRoot === undefined ? roomId : `${roomId}/${threadRoot}`;
  const places = held.get(client) ?? new Map<string, Uploads>();
  held.set(client, places);
  const found = places.get(place);
  if (found !== undefined) return found;
  const lost = (item: UploadItem) => {
    const reason = item.step.kind === "failed" || item.step.kind === "refused" ? item.step.reason : "";
    toast(i18n.t("composer.files.lost", { name: item.file.name, reason }), { tone: "danger" });
  };
  const tooBig = (file: File) => {
    // Not told yet: then the server says it.
    const most = client.limits.get().file_bytes ?? Number.POSITIVE_INFINITY;
    return file.size > most ? i18n.t("composer.files.most", { most: formatBytes(most) }) : undefined;
  };
  const made = new Uploads(doorOf(client.rest, roomId), around, lost, tooBig);
  places.set(place, made);
  return made;
}

const around = {
  hash: globalThis.crypto?.subtle === undefined ? undefined : sha256,
  wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  now: () => performance.now(),
};

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
