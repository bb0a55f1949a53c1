/** What pressing Enter comes to: a message, words to an AI at work, or a command; what is refused comes back. */

import { useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Asked, Refused, type RoomClient } from "../../connection/types";
import type { RoomState } from "../../room/state";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { aimComposer, composerTarget, type Target } from "../replying";
import { readLine } from "../suggesting/slash";
import { giveBack, placeOf } from "./givenBack";
import { addressed, type Outcome, outcomeOf } from "./outcome";
import { queueing } from "./room";
import { MOST_FILES, type Uploads } from "./uploads";
import { isCurrent } from "./useUploads";

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
  /** It is on its way: the field is to be empty now, and what it was aimed at is over. */
  readonly onSent: () => void;
  readonly onOpen: (opened: Opened) => void;
}

export interface Sending {
  readonly submit: (how: How) => void;
  /** A command has no answer yet; more can be sent meanwhile. */
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
  const client = useClient();
  const [asking, setAsking] = useState(0);
  const { waitS, wait } = useCountdown();
  /** What stands in the field; undefined: it is not there any more. */
  const now = useRef<string>(undefined);
  useEffect(() => {
    now.current = text;
    return () => {
      now.current = undefined;
    };
  }, [text]);

  const ask = useCallback(
    async (asked: Asked, written: string) => {
      onSent();
      setAsking((count) => count + 1);
      try {
        await room.ask(asked);
      } catch (error) {
        if (!isCurrent(client)) return;
        giveBack(placeOf(room.id, threadRoot), written);
        if (target !== undefined && composerTarget(room.id, threadRoot) === undefined) {
          aimComposer(room.id, threadRoot, target, true);
        }
        if (error instanceof Refused && error.code === "rate_limited") wait(error.retryAfterS ?? 1);
        // Below the field the next letter would take it away.
        else if (now.current !== "") toast(sentenceOf(error), { tone: "danger" });
        else setProblem(sentenceOf(error));
      } finally {
        setAsking((count) => count - 1);
      }
    },
    [client, room, threadRoot, target, onSent, wait],
  );

  const post = useCallback(
    (words: string) => {
      const replyTo = target?.kind === "reply" ? target.id : threadRoot;
      const files = uploads.items.get().length;
      if (files > MOST_FILES) {
        return setProblem(t("composer.files.tooMany", { count: files - MOST_FILES, most: MOST_FILES }));
      }
      // Words alone wait for nothing: nobody should have to be silent while a film is sent.
      if (files === 0) room.post(words, replyTo === undefined ? {} : { replyTo });
      else if (!uploads.send(words, replyTo)) return setProblem(t("composer.filesFirst"));
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
      if (state === undefined || waitS > 0 || (words === "" && !hasFiles)) return;
      const line = readLine(words);
      if (line.kind === "unknown") return setProblem(t("composer.noCommand", { name: line.name }));
      if (line.kind === "command") {
        const outcome = outcomeOf(line.command, line.rest, state, meId);
        if (outcome.kind === "ask") return void ask(outcome.asked, text);
        if (outcome.kind === "post") return post(outcome.text);
        if (outcome.kind === "problem") return setProblem(t(`composer.problems.${outcome.problem}`));
        return onOpen(outcome);
      }
      const way = wayOf(state, meId, how, target, hasFiles, line.text);
      if (way.kind === "steer") return void ask({ type: "steer_turn", turn_id: way.turnId, text: line.text }, text);
      post(way.text);
    },
    [room, uploads, text, waitS, meId, target, ask, post, onOpen, t],
  );

  return {
    submit,
    isBusy: asking > 0,
    problem,
    clearProblem: useCallback(() => setProblem(undefined), []),
    waitS,
  };
}

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
