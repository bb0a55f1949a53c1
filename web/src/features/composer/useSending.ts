/** What pressing Enter comes to: a message, words to an AI at work, or a command; and why it has to wait. */

import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Asked, Refused, type RoomClient } from "../../connection/types";
import type { RoomState } from "../../room/state";
import { sentenceOf } from "../answers";
import { useReadable } from "../hooks";
import type { Target } from "../replying";
import { addressed, type Outcome, outcomeOf } from "./outcome";
import { queueing } from "./room";
import { readLine } from "./slash";
import type { Uploads } from "./uploads";

export type How = "send" | "queue";
/** What a command opens, which only the view can. */
export type Opened = Extract<Outcome, { kind: "pane" | "search" | "cost" | "leave" | "help" }>;

export interface SendingParts {
  readonly room: RoomClient;
  readonly meId: string;
  readonly threadRoot: string | undefined;
  readonly target: Target | undefined;
  readonly uploads: Uploads;
  readonly text: string;
  /** The field is to be empty now. */
  readonly onSent: () => void;
  readonly onOpen: (opened: Opened) => void;
}

export interface Sending {
  readonly submit: (how: How) => void;
  /** It leaves when its files have begun. */
  readonly isHeld: boolean;
  readonly release: () => void;
  readonly isBusy: boolean;
  readonly problem: string | undefined;
  readonly clearProblem: () => void;
  /** Seconds until the server takes more; 0: now. */
  readonly waitS: number;
}

export function useSending(parts: SendingParts): Sending {
  const { room, meId, threadRoot, target, uploads, text, onSent, onOpen } = parts;
  const { t } = useTranslation();
  const [problem, setProblem] = useState<string>();
  const [held, setHeld] = useState<How>();
  const [isBusy, setBusy] = useState(false);
  const { waitS, wait } = useCountdown();
  const items = useReadable(uploads.items);

  const ask = useCallback(
    async (asked: Asked) => {
      setBusy(true);
      try {
        await room.ask(asked);
        onSent();
      } catch (error) {
        if (error instanceof Refused && error.code === "rate_limited") wait(error.retryAfterS ?? 1);
        else setProblem(sentenceOf(error));
      } finally {
        setBusy(false);
      }
    },
    [room, onSent, wait],
  );

  const post = useCallback(
    (words: string, how: How) => {
      const taken = uploads.take();
      if (taken.kind === "wait") return setHeld(how);
      setHeld(undefined);
      if (taken.kind === "broken") return setProblem(t("composer.filesFirst"));
      const replyTo = target?.kind === "reply" ? target.id : threadRoot;
      room.post(words, {
        ...(replyTo === undefined ? {} : { replyTo }),
        ...(taken.ids.length === 0 ? {} : { attachments: taken.ids }),
      });
      onSent();
    },
    [room, uploads, target, threadRoot, onSent, t],
  );

  const submit = useCallback(
    (how: How) => {
      setProblem(undefined);
      const state = room.state.get();
      const hasFiles = uploads.items.get().length > 0;
      const words = text.replace(/^(?:[ \t]*\n)+|\s+$/g, "");
      if (state === undefined || waitS > 0 || isBusy || (words === "" && !hasFiles)) return;
      const line = readLine(words);
      if (line.kind === "unknown") return setProblem(t("composer.noCommand", { name: line.name }));
      if (line.kind === "command") {
        const outcome = outcomeOf(line.command, line.rest, state, meId);
        if (outcome.kind === "ask") return void ask(outcome.asked);
        if (outcome.kind === "post") return post(outcome.text, how);
        if (outcome.kind === "problem") return setProblem(t(`composer.problems.${outcome.problem}`));
        return onOpen(outcome);
      }
      const way = wayOf(state, meId, how, target, hasFiles, line.text);
      if (way.kind === "steer") return void ask({ type: "steer_turn", turn_id: way.turnId, text: line.text });
      post(way.text, how);
    },
    [room, uploads, text, waitS, isBusy, meId, target, ask, post, onOpen, t],
  );

  useEffect(() => {
    const isReady = items.every((item) => item.step.kind !== "checking" && !isUnnamed(item.step));
    if (held !== undefined && isReady) submit(held);
  }, [held, items, submit]);

  return {
    submit,
    isHeld: held !== undefined,
    release: useCallback(() => setHeld(undefined), []),
    isBusy,
    problem,
    clearProblem: useCallback(() => setProblem(undefined), []),
    waitS,
  };
}

const isUnnamed = (step: { readonly kind: string; readonly id?: string | undefined }) =>
  step.kind === "sending" && step.id === undefined;

export type Way =
  | { readonly kind: "steer"; readonly turnId: string }
  | { readonly kind: "post"; readonly text: string };

/** Files cannot be said to a running turn: then it is a message that addresses the AI. */
export function wayOf(
  state: RoomState,
  meId: string,
  how: How,
  target: Target | undefined,
  hasFiles: boolean,
  text: string,
): Way {
  const aimed = target?.kind === "steer" ? target.id : undefined;
  // What it was aimed at has ended: then it goes to the room.
  const isAimed = aimed !== undefined && state.turns.has(aimed);
  if (how === "send" && !isAimed) return { kind: "post", text };
  const way = queueing(state, meId, aimed);
  if (way === undefined) return { kind: "post", text };
  if (way.kind === "steer" && !hasFiles) return { kind: "steer", turnId: way.turn.turn_id };
  const ai = state.members.get(way.turn.ai_id);
  return { kind: "post", text: ai === undefined ? text : addressed(text, ai).trim() };
}

function useCountdown(): { readonly waitS: number; readonly wait: (seconds: number) => void } {
  const [until, setUntil] = useState(0);
  const [waitS, setWaitS] = useState(0);
  useEffect(() => {
    if (until === 0) return;
    const tick = () => {
      const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      setWaitS(left);
      if (left === 0) setUntil(0);
    };
    tick();
    const timer = window.setInterval(tick, 250);
    return () => window.clearInterval(timer);
  }, [until]);
  return { waitS, wait: useCallback((seconds: number) => setUntil(Date.now() + seconds * 1000), []) };
}
