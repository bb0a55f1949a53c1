/** While a voice note is recorded: how long, how loud, throw it away or attach it. Stands in the place of the field. */

import { Check, Trash2 } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { isFocusNear } from "../../ui/focusBack";
import { formatClock } from "../../ui/i18n/format";
import { toast } from "../../ui/Toast";
import { MOST_SECONDS, type Recording, record, voiceName } from "./recorder";

export interface VoiceNoteProps {
  /** The file, or undefined where nothing came of it. */
  readonly onEnd: (file: File | undefined) => void;
}

const BARS = 28;
const TICK_MS = 100;

export function VoiceNote({ onEnd }: VoiceNoteProps) {
  const { t } = useTranslation();
  const [recording, setRecording] = useState<Recording>();
  const [tick, setTick] = useState<{ readonly seconds: number; readonly levels: readonly number[] }>({
    seconds: 0,
    levels: [],
  });
  const end = useRef(onEnd);
  end.current = onEnd;

  useEffect(() => {
    let isOver = false;
    let held: Recording | undefined;
    record((ending) => voiceName(new Date(), ending)).then(
      (begun) => {
        if (isOver) return begun.cancel();
        held = begun;
        setRecording(begun);
      },
      (error: unknown) => {
        if (isOver) return;
        toast(t(reasonOf(error)), { tone: "danger" });
        end.current(undefined);
      },
    );
    return () => {
      isOver = true;
      held?.cancel();
    };
  }, [t]);

  useEffect(() => {
    if (recording === undefined) return;
    const began = performance.now();
    const timer = window.setInterval(() => {
      const seconds = (performance.now() - began) / 1000;
      setTick(({ levels }) => ({ seconds, levels: [...levels, recording.level()].slice(-BARS) }));
      if (seconds < MOST_SECONDS) return;
      window.clearInterval(timer);
      toast(t("composer.recording.longest", { minutes: MOST_SECONDS / 60 }));
      void recording.finish().then((file) => end.current(file));
    }, TICK_MS);
    return () => window.clearInterval(timer);
  }, [recording, t]);

  return (
    <VoiceBar
      seconds={recording === undefined ? undefined : tick.seconds}
      levels={tick.levels}
      onCancel={() => {
        recording?.cancel();
        onEnd(undefined);
      }}
      onFinish={() => void recording?.finish().then(onEnd)}
    />
  );
}

export interface VoiceBarProps {
  /** Undefined: the microphone is being asked for. */
  readonly seconds: number | undefined;
  readonly levels: readonly number[];
  readonly onCancel: () => void;
  readonly onFinish: () => void;
}

export function VoiceBar({ seconds, levels, onCancel, onFinish }: VoiceBarProps) {
  const { t } = useTranslation();
  const isRunning = seconds !== undefined;
  const attach = useRef<HTMLButtonElement>(null);
  // The button that began it is gone: the same key ends it.
  useEffect(() => {
    if (isRunning && isFocusNear(attach.current)) attach.current?.focus();
  }, [isRunning]);
  const shown = Array.from({ length: BARS }, (_, place) => levels[levels.length - BARS + place] ?? 0);
  return (
    <fieldset aria-label={t("composer.recording.label")} className="flex min-h-12 min-w-0 items-center gap-3 px-2 py-2">
      <span role="status" className="flex shrink-0 items-center gap-2 ps-2 text-small">
        <span
          aria-hidden="true"
          className={`size-2.5 rounded-full ${isRunning ? "animate-breathe bg-danger" : "bg-line-strong"}`}
        />
        <span className={isRunning ? "sr-only" : "text-ink-2"}>
          {t(isRunning ? "composer.recording.running" : "composer.recording.starting")}
        </span>
      </span>
      {isRunning && (
        <>
          <span role="timer" className="shrink-0 text-small text-ink tabular-nums">
            {formatClock(seconds)}
          </span>
          <span aria-hidden="true" className="flex h-8 min-w-0 flex-1 items-center justify-end gap-0.5 overflow-hidden">
            {shown.map((level, place) => (
              <span
                // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place
                key={place}
                className="w-1 shrink-0 rounded-full bg-accent"
                style={{ height: `${Math.max(12, level * 100)}%` }}
              />
            ))}
          </span>
        </>
      )}
      {!isRunning && <span className="flex-1" />}
      <Button variant="ghost" icon={<Trash2 aria-hidden="true" size={16} />} onClick={onCancel}>
        <span className="max-sm:sr-only">{t("composer.recording.cancel")}</span>
      </Button>
      <Button
        ref={attach}
        variant="primary"
        icon={<Check aria-hidden="true" size={16} />}
        disabled={!isRunning}
        onClick={onFinish}
        // The key that began it may still be down.
        onKeyDown={(event) => event.repeat && event.preventDefault()}
      >
        {t("composer.recording.finish")}
      </Button>
    </fieldset>
  );
}

function reasonOf(error: unknown) {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "composer.recording.refused" as const;
  return name === "NotFoundError" ? ("composer.recording.missing" as const) : ("composer.recording.failed" as const);
}
