/** A tool call as everyone in the room sees it: what it is, in which state, for whom, and what came of it. */

import {
  Ban,
  ChevronDown,
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CircleSlash,
  Clock,
  Hourglass,
  OctagonX,
  Square,
} from "lucide-react";
import { memo, type ReactNode, useId, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { mayStop } from "../../room/rights";
import type { RoomState, ToolCall } from "../../room/state";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { formatDuration, formatList } from "../../ui/i18n/format";
import { Spinner } from "../../ui/Spinner";
import { visible } from "../../ui/visible";
import { useAct } from "../answers";
import { useClient, useReadable, useRoomState } from "../hooks";
import { ChangedFiles } from "./ChangedFiles";
import { secondsBetween, useSeconds } from "./clock";
import { Decision } from "./Decision";
import { ExactArguments } from "./Exact";
import { Outcome } from "./Outcome";
import { LiveOutput, NothingPrinted, Printed } from "./Printed";
import { lastLines } from "./printing";
import { useHere } from "./RoomHere";
import { hasFailed, isTerminal, subjectOf, toolWord } from "./toolWords";

type Look = "waiting" | "asking" | "running" | "ok" | "failed" | "denied" | "expired" | "ended";

const FAILED_LINES = 20;
const LONGEST_SUBJECT = 200;
const LEAST_TOLD_S = 0.1;
const SAID_BY_PHRASE: ReadonlySet<Look> = new Set(["ok", "asking", "running"]);

const icons: Readonly<Record<Look, ReactNode>> = {
  waiting: <CircleDashed aria-hidden="true" size={16} className="text-ink-3" />,
  asking: <CircleAlert aria-hidden="true" size={16} className="text-warn" />,
  running: <Spinner size={16} className="text-ai" />,
  ok: <CircleCheck aria-hidden="true" size={16} className="text-ok" />,
  failed: <OctagonX aria-hidden="true" size={16} className="text-danger" />,
  denied: <Ban aria-hidden="true" size={16} className="text-danger" />,
  expired: <Clock aria-hidden="true" size={16} className="text-ink-3" />,
  ended: <CircleSlash aria-hidden="true" size={16} className="text-ink-3" />,
};

const frames: Partial<Readonly<Record<Look, string>>> = {
  asking: "border-warn-line bg-warn-soft",
  running: "border-ai-line bg-surface",
  failed: "border-line bg-surface",
};

export const ToolCard = memo(function ToolCard({ call }: { readonly call: ToolCall }) {
  const { t } = useTranslation();
  const { room, people } = useHere();
  const bodyId = useId();
  const look: Look = hasFailed(call) ? "failed" : call.state;
  const isOpenFirst = look === "asking" || look === "running" || look === "failed";
  const [chosen, setChosen] = useState<{ readonly look: Look; readonly isOpen: boolean }>();
  const isOpen = chosen?.look === look ? chosen.isOpen : isOpenFirst;
  const isFixed = look === "asking";
  const word = toolWord(call.name);
  const subject = useMemo(() => inOneLine(subjectOf(call, (id) => nameOfFile(room.state.get(), id))), [call, room]);
  const hasRun = call.startedAt !== undefined;
  const did = look === "ok" || ((look === "failed" || look === "ended") && hasRun);
  const phrase = t(`cards.tools.${word}.${look === "running" ? "runs" : did ? "did" : "asks"}`, {
    name: visible(call.name),
  });
  const asked = formatList(call.askers.map(people.name));
  const state = t(look === "ended" && !hasRun ? "cards.notRun" : `cards.states.${look}`);
  return (
    <section
      aria-label={t("cards.name", { ai: people.name(call.aiId), what: phrase, state })}
      data-card={look}
      className={classes(
        "overflow-hidden rounded-card border",
        frames[look] ?? "border-line bg-sunken",
        look === "asking" && "shadow-raised",
      )}
    >
      <Head isFixed={isFixed} isOpen={isOpen} bodyId={bodyId} onToggle={() => setChosen({ look, isOpen: !isOpen })}>
        <span className="mt-0.5 shrink-0">{icons[look]}</span>
        <span className="min-w-0 flex-1 text-left">
          <span className="flex flex-wrap items-baseline gap-x-2">
            <span className="text-small font-medium text-ink">
              <bdi>{visible(people.name(call.aiId))}</bdi> {phrase}
            </span>
            {!isOpen && subject !== "" && (
              <span
                dir="ltr"
                className="order-last w-full truncate font-mono text-mono text-ink-2 sm:order-none sm:w-auto sm:max-w-[60%]"
              >
                {subject}
              </span>
            )}
            <span className="text-meta text-ink-3">
              {/* What the phrase says already is not said again. */}
              {!SAID_BY_PHRASE.has(look) && <span className={stateLook(look)}>{state} · </span>}
              {t("turns.askedBy", { who: asked })}
            </span>
          </span>
        </span>
        <Elapsed call={call} />
      </Head>
      {isOpen && (
        <div id={bodyId} className="flex flex-col gap-3 px-3 pt-0.5 pb-3">
          <Body call={call} look={look} />
        </div>
      )}
      {!isOpen && call.changed !== undefined && (
        <div className="border-t border-line px-3 py-2.5">
          <ChangedFiles changed={call.changed} undone={call.undone} />
        </div>
      )}
    </section>
  );
});

function nameOfFile(state: RoomState | undefined, id: string): string | undefined {
  for (const { attachments } of state?.messages ?? []) {
    const file = attachments?.find((one) => one.id === id);
    if (file !== undefined) return file.name;
  }
  return undefined;
}

/** What was told, as far as a line has room for it. */
function inOneLine(told: string): string {
  const [first = "", ...more] = told.trim().split("\n");
  const line = visible(first).slice(0, LONGEST_SUBJECT);
  return more.length > 0 || first.length > LONGEST_SUBJECT ? `${line} …` : line;
}

function stateLook(look: Look): string {
  return look === "failed" || look === "denied" ? "font-medium text-danger" : "font-medium text-ink-2";
}

interface HeadProps {
  readonly isFixed: boolean;
  readonly isOpen: boolean;
  readonly bodyId: string;
  readonly onToggle: () => void;
  readonly children: ReactNode;
}

function Head({ isFixed, isOpen, bodyId, onToggle, children }: HeadProps) {
  const look = "flex w-full items-start gap-2.5 px-3 py-2.5";
  if (isFixed) return <div className={look}>{children}</div>;
  return (
    <button
      type="button"
      aria-expanded={isOpen}
      aria-controls={isOpen ? bodyId : undefined}
      onClick={onToggle}
      className={classes(look, "min-h-10 pointer-coarse:min-h-11 focus-visible:-outline-offset-2")}
    >
      {children}
      <ChevronDown
        aria-hidden="true"
        size={16}
        className={classes("mt-0.5 shrink-0 text-ink-3 transition-transform", isOpen && "rotate-180")}
      />
    </button>
  );
}

function Elapsed({ call }: { readonly call: ToolCall }) {
  const isRunning = call.state === "running";
  const offset = useReadable(useClient().clockOffsetMs);
  const now = useSeconds(isRunning);
  if (call.startedAt === undefined) return null;
  const until = call.finishedAt ?? (isRunning ? now + offset : undefined);
  if (until === undefined) return null;
  const seconds = secondsBetween(call.startedAt, until);
  if (seconds < LEAST_TOLD_S) return null;
  return (
    <span className="mt-0.5 shrink-0 text-meta text-ink-3 tabular-nums">
      {formatDuration(isRunning ? Math.floor(seconds) : seconds)}
    </span>
  );
}

function Body({ call, look }: { readonly call: ToolCall; readonly look: Look }) {
  const { t } = useTranslation();
  const [isWhole, setWhole] = useState(false);
  if (call.isRedacted) return <p className="text-small text-ink-3">{t("cards.redacted")}</p>;
  if (look === "asking" && call.approval !== undefined) return <Decision call={call} card={call.approval} />;
  const isHidden = call.arguments === "";
  const isShell = !isHidden && isTerminal(toolWord(call.name));
  const isDone = look === "ok" || look === "failed";
  const end = look === "failed" && !isWhole ? lastLines(call.text, FAILED_LINES) : { text: call.text, before: 0 };
  const printed =
    look === "running" ? (
      <LiveOutput callKey={call.key} isTerminal={isShell} />
    ) : !isDone ? undefined : end.text === "" ? (
      <NothingPrinted words={t("cards.noOutput")} isTerminal={isShell} />
    ) : (
      <Printed
        text={end.text}
        label={t("cards.output")}
        isTerminal={isShell}
        opensAtEnd={look === "failed"}
        note={end.before > 0 ? t("cards.linesBefore", { count: end.before }) : undefined}
      />
    );
  return (
    <>
      {isHidden ? (
        <>
          <p className="text-small text-ink-3">{t("cards.argumentsHidden")}</p>
          {printed}
        </>
      ) : (
        <ExactArguments tool={call.name} json={call.arguments} printed={printed} />
      )}
      {look === "waiting" && <Waiting icon={<Hourglass size={14} />} text={t("cards.waits")} />}
      {look === "running" && <StopIt call={call} />}
      {look === "denied" && <Decided call={call} />}
      {look === "expired" && <p className="text-small text-ink-2">{t("cards.expiredWords")}</p>}
      {look === "ended" && <p className="text-small text-ink-2">{t("cards.endedWords")}</p>}
      {isDone && (
        <Outcome
          call={call}
          hasFailed={look === "failed"}
          onWhole={end.before > 0 ? () => setWhole(true) : undefined}
        />
      )}
      {call.changed !== undefined && <ChangedFiles changed={call.changed} undone={call.undone} />}
    </>
  );
}

function Waiting({ icon, text }: { readonly icon: ReactNode; readonly text: string }) {
  return (
    <p className="flex items-center gap-2 text-small text-ink-3">
      <span aria-hidden="true">{icon}</span>
      {text}
    </p>
  );
}

function StopIt({ call }: { readonly call: ToolCall }) {
  const { t } = useTranslation();
  const { room, meId } = useHere();
  const { run, isBusy } = useAct();
  const canStop = useRoomState(room, (state) => {
    const turn = state.turns.get(call.turnId);
    return turn !== undefined && mayStop(state, meId, turn);
  });
  if (canStop !== true) return null;
  return (
    <Button
      size="sm"
      icon={<Square size={12} fill="currentColor" />}
      isBusy={isBusy}
      className="self-start"
      onClick={() => void run(() => room.ask({ type: "stop_turn", turn_id: call.turnId }))}
    >
      {t("common.stop")}
    </Button>
  );
}

function Decided({ call }: { readonly call: ToolCall }) {
  const { t } = useTranslation();
  const { people } = useHere();
  const by = call.approval?.rejected_by;
  return (
    <p className="text-small text-ink-2">
      {by === undefined ? t("cards.notAllowed") : t("cards.deniedBy", { who: people.name(by) })}
    </p>
  );
}
