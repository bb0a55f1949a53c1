/** Something to hear: play and pause, and where in it one is. */

import { Pause, Play } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { IconButton } from "./IconButton";
import { formatClock } from "./i18n/format";

export interface AudioPlayerProps {
  readonly src: string;
  /** What it is: its name, as people know it. */
  readonly label: string;
  /** Whether to learn its length at once: where that costs nothing. */
  readonly preload?: "none" | "metadata";
}

export function AudioPlayer({ src, label, preload = "none" }: AudioPlayerProps) {
  const { t } = useTranslation();
  const audio = useRef<HTMLAudioElement>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [hasFailed, setFailed] = useState(false);
  const [at, setAt] = useState(0);
  // A recording of a browser may not say how long it is before it has been heard.
  const [length, setLength] = useState<number>();
  const failed = () => setFailed(true);
  const press = () => {
    setFailed(false);
    if (isPlaying) audio.current?.pause();
    else audio.current?.play().catch(failed);
  };
  return (
    <div className="flex min-w-0 items-center gap-2.5">
      {/* biome-ignore lint/a11y/useMediaCaption: what is said stands beside it as text, where it is known */}
      <audio
        ref={audio}
        preload={preload}
        src={src}
        aria-label={label}
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => setAt(0)}
        onError={failed}
        onTimeUpdate={({ currentTarget }) => setAt(currentTarget.currentTime)}
        onDurationChange={({ currentTarget: { duration } }) =>
          setLength(Number.isFinite(duration) && duration > 0 ? duration : undefined)
        }
      />
      <IconButton
        variant="secondary"
        label={t(isPlaying ? "common.pauseIt" : "common.playIt", { name: label })}
        icon={
          isPlaying ? (
            <Pause size={15} fill="currentColor" strokeWidth={0} />
          ) : (
            <Play size={15} fill="currentColor" strokeWidth={0} className="ml-0.5" />
          )
        }
        className="rounded-full!"
        onClick={press}
      />
      <input
        type="range"
        min={0}
        max={length ?? 1}
        step={0.1}
        value={length === undefined ? 0 : Math.min(at, length)}
        disabled={length === undefined}
        aria-label={t("common.position", { name: label })}
        aria-valuetext={formatClock(at)}
        onChange={({ target }) => {
          if (audio.current !== null) audio.current.currentTime = target.valueAsNumber;
          setAt(target.valueAsNumber);
        }}
        className="h-6 min-w-0 flex-1 accent-accent"
      />
      <span className="shrink-0 text-meta text-ink-3 tabular-nums">
        {hasFailed ? (
          <span role="alert" className="text-danger">
            {t("common.notPlayed")}
          </span>
        ) : (
          `${formatClock(at)}${length === undefined ? "" : ` / ${formatClock(length)}`}`
        )}
      </span>
    </div>
  );
}
