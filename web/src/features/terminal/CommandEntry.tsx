/** One command that an AI ran or runs: who asked, the command, what it printed, and how it ended. */

import { Ban, CircleCheck, CircleX, Clock, Hourglass, Square, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { CallState } from "../../room/state";
import { Button } from "../../ui/Button";
import { formatDuration } from "../../ui/i18n/format";
import { Spinner } from "../../ui/Spinner";
import { Time } from "../../ui/Time";
import { useAct } from "../answers";
import { useReadable } from "../hooks";
import type { People } from "../people";
import type { CommandCall } from "./commands";
import { Screen } from "./Screen";

const icons: Readonly<Record<CallState, ReactNode>> = {
  waiting: <Clock aria-hidden="true" size={14} />,
  asking: <Hourglass aria-hidden="true" size={14} />,
  running: <Spinner size={14} />,
  ok: <CircleCheck aria-hidden="true" size={14} />,
  failed: <CircleX aria-hidden="true" size={14} />,
  denied: <Ban aria-hidden="true" size={14} />,
  expired: <Clock aria-hidden="true" size={14} />,
  ended: <TriangleAlert aria-hidden="true" size={14} />,
};

export interface CommandEntryProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly entry: CommandCall;
  readonly mayStop: boolean;
}

export function CommandEntry({ room, people, entry, mayStop }: CommandEntryProps) {
  const { t } = useTranslation();
  const { call, command, folder } = entry;
  const output = useReadable(room.output(call.key));
  const { run, isBusy } = useAct();
  // What came live is whole where we saw it from its beginning; else what the AI was told is all there is.
  const text = output.text !== "" && !output.skipped ? output.text : call.text || output.text;
  const took =
    call.startedAt !== undefined && call.finishedAt !== undefined
      ? (Date.parse(call.finishedAt) - Date.parse(call.startedAt)) / 1000
      : undefined;
  const said = command ?? (call.isRedacted ? t("terminal.emptied") : t("terminal.hidden"));
  return (
    <section
      aria-label={`${said}: ${t(`terminal.states.${call.state}`)}`}
      className="border-b border-terminal-ink/15 py-2 last:border-b-0"
    >
      <p className="flex flex-wrap items-center gap-x-1.5 px-3 text-meta text-terminal-ink/75">
        <bdi>{people.name(call.aiId)}</bdi>
        {call.askers.length > 0 && (
          <span>
            {t("terminal.askedBy")} <bdi>{call.askers.map(people.name).join(", ")}</bdi>
          </span>
        )}
        <Time at={call.calledAt} />
        {folder !== "" && <code>{folder}</code>}
      </p>
      {command === undefined ? (
        <p className="px-3 py-1 text-small text-terminal-ink/75 italic">{said}</p>
      ) : (
        <pre className="overflow-x-auto px-3 py-1 font-mono text-mono font-semibold whitespace-pre-wrap text-terminal-ink wrap-anywhere">
          <span aria-hidden="true" className="text-terminal-ink/60 select-none">
            ${" "}
          </span>
          {said}
        </pre>
      )}
      <Screen
        label={t("terminal.outputOf", { command: said })}
        text={text}
        isCut={output.skipped && call.text === ""}
      />
      <p className="flex min-h-6 items-center gap-1.5 px-3 text-meta text-terminal-ink/85">
        {icons[call.state]}
        <span>{t(`terminal.states.${call.state}`)}</span>
        {call.exitStatus !== undefined && <span>· {t("terminal.exit", { status: call.exitStatus })}</span>}
        {took !== undefined && <span>· {formatDuration(took)}</span>}
        {(call.state === "running" || call.state === "asking") && mayStop && (
          <Button
            size="sm"
            className="ml-auto"
            icon={<Square aria-hidden="true" size={12} fill="currentColor" />}
            isBusy={isBusy}
            onClick={() => void run(() => room.ask({ type: "stop_turn", turn_id: call.turnId }))}
          >
            {t("common.stop")}
          </Button>
        )}
      </p>
    </section>
  );
}
