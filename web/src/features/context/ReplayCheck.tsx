/** Has the prompt behind an answer built again, and says whether it is the same to the last character. */

import { CircleAlert, CircleCheck, Fingerprint } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/windows";
import { useAnswer } from "../answers";
import { Loading, Note, Refusal, Section } from "../sections";

export function ReplayCheck({ room, turnId }: { readonly room: RoomClient; readonly turnId: string }) {
  const { t } = useTranslation();
  const [isAsked, setAsked] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const replay = useAnswer(
    "GET /api/v1/rooms/{room_id}/turns/{turn_id}/replay",
    isAsked ? { places: { room_id: room.id, turn_id: turnId } } : undefined,
  );
  const { value } = replay;
  return (
    <Section title={t("context.proof")} hint={t("context.proofHint")}>
      {!isAsked && (
        <Button size="sm" icon={<Fingerprint aria-hidden="true" size={14} />} onClick={() => setAsked(true)}>
          {t("context.buildAgain")}
        </Button>
      )}
      {replay.isLoading && <Loading lines={2} />}
      {replay.refusal !== undefined && <Refusal text={replay.refusal} onRetry={replay.again} />}
      {value !== undefined && (
        <div role="status" className="flex flex-col gap-2 text-small">
          <p className="flex items-start gap-2 text-ink">
            {value.is_equal ? (
              <CircleCheck aria-hidden="true" size={16} className="mt-0.5 shrink-0 text-ok" />
            ) : (
              <CircleAlert aria-hidden="true" size={16} className="mt-0.5 shrink-0 text-warn" />
            )}
            {value.is_equal ? t("context.isEqual") : t("context.isNotEqual")}
          </p>
          {(value.differs ?? []).map((sentence) => (
            <p key={sentence} className="text-ink-2 wrap-anywhere">
              {sentence}
            </p>
          ))}
          <dl className="flex flex-col gap-0.5 font-mono text-meta text-ink-3">
            <div>
              <dt className="inline">{t("context.sent")} </dt>
              <dd className="inline break-all">{value.prompt_sha256.slice(0, 16)}…</dd>
            </div>
            {(value.rebuilt_sha256 ?? "") !== "" && (
              <div>
                <dt className="inline">{t("context.rebuilt")} </dt>
                <dd className="inline break-all">{value.rebuilt_sha256?.slice(0, 16)}…</dd>
              </div>
            )}
          </dl>
          {(value.prompt ?? []).length > 0 ? (
            <Button size="sm" className="self-start" onClick={() => setOpen(true)}>
              {t("context.readPrompt")}
            </Button>
          ) : (
            <Note>{t("context.noPrompt")}</Note>
          )}
        </div>
      )}
      <Dialog isOpen={isOpen} onOpenChange={setOpen} title={t("context.promptTitle")} size="xl">
        <ol className="flex flex-col gap-3">
          {(value?.prompt ?? []).map((message, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a prompt never changes, and its messages have no ids
            <li key={place}>
              <p className="text-meta font-semibold text-ink-2">
                <code>{message.role}</code>
              </p>
              <pre
                dir="auto"
                className="mt-1 rounded-button border border-line bg-sunken p-3 font-mono text-mono whitespace-pre-wrap text-ink wrap-anywhere"
              >
                {message.content}
                {(message.tool_calls ?? []).map((call) => `\n→ ${call.name} ${call.arguments}`).join("")}
              </pre>
            </li>
          ))}
        </ol>
      </Dialog>
    </Section>
  );
}
