/** The room's background jobs: what runs, what it prints, and the way to stop it. */

import { ChevronDown, ChevronRight, Square } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { JobReport } from "../../protocol/api";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { formatBytes, formatDuration } from "../../ui/i18n/format";
import { useAct, useAnswer } from "../answers";
import { useClient, useReadable } from "../hooks";
import { Names, type People } from "../people";
import { Refusal } from "../sections";
import { Screen } from "./Screen";

const LOOK_MS = 5_000;
const TAIL_BYTES = 32_768;

export interface JobsProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly mayStop: (askers: readonly string[]) => boolean;
  /** Another one: something happened that may have begun or ended a job. */
  readonly version: number;
}

export function Jobs({ room, people, mayStop, version }: JobsProps) {
  const { t } = useTranslation();
  const jobs = useAnswer("GET /api/v1/rooms/{room_id}/jobs", { places: { room_id: room.id } }, version);
  const all = jobs.value?.jobs ?? [];
  const isRunning = all.some((job) => job.state === "running");
  const { again } = jobs;
  // Nothing tells that a job has ended: while one runs, we look.
  useEffect(() => {
    if (!isRunning) return;
    const timer = window.setInterval(again, LOOK_MS);
    return () => window.clearInterval(timer);
  }, [isRunning, again]);
  if (jobs.refusal !== undefined && jobs.value === undefined) {
    return (
      <div className="p-3">
        <Refusal text={jobs.refusal} onRetry={again} />
      </div>
    );
  }
  if (all.length === 0) return null;
  return (
    <section aria-label={t("terminal.jobs")} className="border-b border-line">
      <h3 className="px-4 pt-3 text-small font-semibold text-ink">{t("terminal.jobs")}</h3>
      <ul className="flex flex-col gap-1.5 px-3 py-2">
        {all.map((job) => (
          <li key={job.job_id}>
            <Job room={room} people={people} job={job} mayStop={mayStop(job.askers)} onStopped={again} />
          </li>
        ))}
      </ul>
    </section>
  );
}

interface JobProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly job: JobReport;
  readonly mayStop: boolean;
  readonly onStopped: () => void;
}

const tones = { running: "accent", ended: "ok", stopped: "neutral", failed: "danger" } as const;
type JobState = keyof typeof tones;
const isJobState = (state: string): state is JobState => state in tones;

function Job({ room, people, job, mayStop, onStopped }: JobProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const { run, isBusy } = useAct();
  const [isOpen, setOpen] = useState(job.state === "running");
  const state: JobState = isJobState(job.state) ? job.state : "ended";
  const isFailed = state === "ended" && job.exit_status !== undefined && job.exit_status !== 0;
  const stop = () =>
    void run(async () => {
      await rest.call("DELETE /api/v1/rooms/{room_id}/jobs/{job_id}", {
        places: { room_id: room.id, job_id: job.job_id },
      });
      onStopped();
    });
  const Chevron = isOpen ? ChevronDown : ChevronRight;
  return (
    <div className="overflow-hidden rounded-card border border-line">
      <div className="flex items-center gap-1.5 pr-2">
        <button
          type="button"
          aria-expanded={isOpen}
          className="flex min-h-9 min-w-0 flex-1 items-center gap-1.5 rounded-button py-1 pl-2 text-left text-small hover:bg-hover pointer-coarse:min-h-11"
          onClick={() => setOpen(!isOpen)}
        >
          <Chevron aria-hidden="true" size={14} className="shrink-0 text-ink-3" />
          <code className="min-w-0 flex-1 truncate text-ink">{job.command}</code>
          <Badge tone={isFailed ? "danger" : tones[state]}>{t(`terminal.jobStates.${state}`)}</Badge>
        </button>
        {state === "running" && mayStop && (
          <Button
            size="sm"
            icon={<Square aria-hidden="true" size={12} fill="currentColor" />}
            isBusy={isBusy}
            onClick={stop}
          >
            {t("common.stop")}
          </Button>
        )}
      </div>
      {isOpen && (
        <div className="bg-terminal py-1">
          <p className="flex flex-wrap gap-x-1.5 px-3 py-1 text-meta text-terminal-ink/75 [&_bdi]:text-terminal-ink">
            <span>
              {t("terminal.askedBy")} <Names people={people} ids={job.askers} />
            </span>
            <span>· {formatDuration(job.wall_s)}</span>
            <span>· {t("terminal.printed", { bytes: formatBytes(job.printed_bytes) })}</span>
            {job.exit_status !== undefined && <span>· {t("terminal.exit", { status: job.exit_status })}</span>}
            {job.stop !== undefined && job.stop !== "" && <span>· {job.stop}</span>}
          </p>
          <JobText room={room} job={job} />
        </div>
      )}
    </div>
  );
}

function JobText({ room, job }: { readonly room: RoomClient; readonly job: JobReport }) {
  const { t } = useTranslation();
  const live = useReadable(room.jobOutput(job.job_id));
  const isWhole = live.text !== "" && !live.skipped;
  // Whoever came late has not heard its beginning: then the end of it is asked for, as often as the list is.
  const tail = useAnswer(
    "GET /api/v1/rooms/{room_id}/jobs/{job_id}",
    isWhole ? undefined : { places: { room_id: room.id, job_id: job.job_id }, query: { bytes: TAIL_BYTES } },
    job.printed_bytes,
  );
  const label = t("terminal.outputOf", { command: job.command });
  if (isWhole) return <Screen label={label} text={live.text} />;
  if (tail.value === undefined) {
    return <p className="px-3 py-1 text-meta text-terminal-ink/75">{tail.refusal ?? t("common.loading")}</p>;
  }
  if (tail.value.text === "") return <p className="px-3 py-1 text-meta text-terminal-ink/75">{t("terminal.silent")}</p>;
  return <Screen label={label} text={tail.value.text} isCut={tail.value.left_out_bytes > 0} />;
}
