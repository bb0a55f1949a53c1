/** What a tool prints, as plain text: it can be selected and read aloud, and follows its end while it grows. */

import { ArrowDown } from "lucide-react";
import { useLayoutEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { visible } from "../../ui/visible";
import { useReadable } from "../hooks";
import { asShown, lastLines } from "./printing";
import { useHere } from "./RoomHere";

/** A growing output is painted every frame; its whole is there once it has ended. */
const LIVE_LINES = 400;
const NEAR_PX = 24;

export interface PrintedProps {
  readonly text: string;
  readonly label: string;
  /** In a terminal it goes on below the command, without corners of its own. */
  readonly isTerminal?: boolean;
  /** Stays at its end while it grows, until somebody scrolls up. */
  readonly follows?: boolean;
  /** What matters stands at its end: it opens there. */
  readonly opensAtEnd?: boolean;
  readonly note?: string | undefined;
}

export function Printed({ text, label, isTerminal = false, follows = false, opensAtEnd = false, note }: PrintedProps) {
  const { t } = useTranslation();
  const box = useRef<HTMLElement>(null);
  const [isPaused, setPaused] = useState(false);
  useLayoutEffect(() => {
    const at = box.current;
    if (at !== null && opensAtEnd) at.scrollTop = at.scrollHeight;
  }, [opensAtEnd]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was printed moves the end
  useLayoutEffect(() => {
    const at = box.current;
    if (at !== null && follows && !isPaused) at.scrollTop = at.scrollHeight;
  }, [text, follows, isPaused]);
  return (
    <div className="relative">
      <section
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        aria-label={label}
        dir="ltr"
        onScroll={({ currentTarget: at }) => {
          if (follows) setPaused(at.scrollHeight - at.scrollTop - at.clientHeight > NEAR_PX);
        }}
        className={classes(
          "max-h-80 overflow-auto px-3 py-2 font-mono text-mono break-words whitespace-pre-wrap focus-visible:-outline-offset-2",
          isTerminal
            ? "border-t border-terminal-ink/15 bg-terminal text-terminal-ink"
            : "rounded-button border border-line bg-sunken text-ink",
        )}
      >
        {note !== undefined && <span className={classes("block opacity-70", text !== "" && "mb-1")}>{note}</span>}
        {visible(asShown(text), true)}
      </section>
      {isPaused && (
        <Button
          size="sm"
          icon={<ArrowDown size={14} />}
          className="absolute right-3 bottom-2 shadow-raised"
          onClick={() => setPaused(false)}
        >
          {t("cards.follow")}
        </Button>
      )}
    </div>
  );
}

export function LiveOutput({ callKey, isTerminal }: { readonly callKey: string; readonly isTerminal: boolean }) {
  const { t } = useTranslation();
  const { room } = useHere();
  const output = useReadable(room.output(callKey));
  if (output.text === "") return <NothingPrinted words={t("cards.noOutputYet")} isTerminal={isTerminal} />;
  const end = lastLines(output.text, LIVE_LINES);
  return (
    <Printed
      text={end.text}
      label={t("cards.liveOutput")}
      isTerminal={isTerminal}
      follows
      note={output.skipped || end.before > 0 ? t("cards.earlierLeftOut") : undefined}
    />
  );
}

export function NothingPrinted({ words, isTerminal }: { readonly words: string; readonly isTerminal: boolean }) {
  return isTerminal ? (
    <p className="border-t border-terminal-ink/15 bg-terminal px-3 py-2 text-small text-terminal-ink/75">{words}</p>
  ) : (
    <p className="text-small text-ink-3">{words}</p>
  );
}
