/** What an AI would be given if it were asked now: how much of its budget that takes, and what it is. */

import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { ContextPreview } from "../../protocol/api";
import { formatNumber } from "../../ui/i18n/format";
import type { People } from "../people";
import { Note, Section } from "../sections";
import { MessageLinks } from "./MessageLinks";
import { Taints } from "./Taints";

export interface WindowNowProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly preview: ContextPreview;
}

export function WindowNow({ room, people, preview }: WindowNowProps) {
  const { t } = useTranslation();
  const messages = (preview.messages ?? []).map((one) => one.id);
  const tools = preview.tools ?? [];
  const pins = preview.pins ?? [];
  return (
    <Section title={t("context.window")} actions={<Taints of={preview.taint} />}>
      <p className="text-small text-ink-2">
        {t("context.windowMessages", { count: messages.length })}
        {preview.up_to_seq > 0 && <> · {t("context.seqs", { from: preview.from_seq, to: preview.up_to_seq })}</>}
      </p>
      {preview.left_out > 0 && <Note>{t("context.leftOutCount", { count: preview.left_out })}</Note>}
      <div className="mt-1">
        <MessageLinks room={room} people={people} ids={messages} most={4} />
      </div>
      {pins.length > 0 && (
        <>
          <h4 className="mt-2 text-meta font-semibold text-ink-2">{t("context.pins")}</h4>
          <MessageLinks room={room} people={people} ids={pins} />
        </>
      )}
      {tools.length > 0 && (
        <p className="mt-2 text-meta text-ink-3 wrap-anywhere">
          {t("context.tools")}: {tools.join(", ")}
        </p>
      )}
      {preview.persona !== "" && (
        <p dir="auto" className="mt-2 line-clamp-3 text-meta text-ink-3">
          {t("context.persona")}: {preview.persona}
        </p>
      )}
      {preview.conversation === undefined && (
        <p className="mt-2 text-meta text-ink-3">
          {t("context.foldsAt", {
            recent: formatNumber(preview.recent_tokens),
            at: formatNumber(preview.summarise_at),
          })}
        </p>
      )}
    </Section>
  );
}
