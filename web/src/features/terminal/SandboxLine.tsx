/** How commands are kept inside on this server, in words; where none run, why. */

import { ShieldCheck, ShieldOff } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { useAnswer } from "../answers";
import { useClient, useReadable } from "../hooks";

const MODES = ["strict", "landlock", "off"] as const;

export function SandboxLine({ room }: { readonly room: RoomClient }) {
  const { t } = useTranslation();
  const client = useClient();
  const told = useReadable(client.sandbox);
  const tools = useAnswer("GET /api/v1/rooms/{room_id}/tools", { places: { room_id: room.id } });
  const sandbox = tools.value?.sandbox;
  const mode = MODES.find((one) => one === (sandbox?.mode ?? told));
  if (mode === undefined) return null;
  const isOff = mode === "off";
  const Icon = isOff ? ShieldOff : ShieldCheck;
  return (
    <div className="flex items-start gap-2 border-b border-line px-4 py-2.5 text-meta text-ink-2">
      <Icon aria-hidden="true" size={16} className={isOff ? "shrink-0 text-warn" : "shrink-0 text-ok"} />
      <p className="min-w-0 wrap-anywhere">
        {t(`terminal.modes.${mode}`)}
        {sandbox !== undefined && sandbox.reason !== "" && (isOff || mode === "landlock") && ` ${sandbox.reason}`}
      </p>
    </div>
  );
}
