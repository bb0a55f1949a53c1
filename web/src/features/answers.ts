/** What a view asks the server for beside the room's state, and what it has done there; refusals in words. */

import { useCallback, useEffect, useRef, useState } from "react";
import { type CallOptions, Refused } from "../connection/types";
import type { Operations } from "../protocol/api";
import { i18n } from "../ui/i18n";
import { common } from "../ui/i18n/en/common";
import { toast } from "../ui/Toast";
import { useClient, useReadable } from "./hooks";

/** The sentence for people of whatever went wrong. */
export function sentenceOf(error: unknown): string {
  return error instanceof Refused ? wordsOf(error.code, error.message) : i18n.t("common.failed");
}

/** Codes that stand for many reasons: which one it is only the server's sentence tells. */
const MANIFOLD: ReadonlySet<string> = new Set(["malformed", "conflict", "limit_reached", "broken"]);

/**
 * A refusal in the language that is shown. The server's own sentence says most, but is English: elsewhere it stands
 * only behind our words, where those cannot tell what is the matter, or in their place, where there are none.
 */
export function wordsOf(code: string, sentence: string): string {
  if (code === "offline") return i18n.t("common.offline");
  const said = capitalised(sentence.trim());
  if (said !== "" && i18n.language === "en") return said;
  const words = hasWords(code) ? i18n.t(`common.refusals.${code}`) : undefined;
  if (words === undefined) return said === "" ? i18n.t("common.failed") : said;
  return said !== "" && MANIFOLD.has(code) ? i18n.t("common.refusalDetail", { words, detail: said }) : words;
}

type WordedCode = keyof typeof common.refusals;

export function hasWords(code: string): code is WordedCode {
  return Object.hasOwn(common.refusals, code);
}

const capitalised = (text: string) => text.charAt(0).toLocaleUpperCase() + text.slice(1);

export interface Answered<T> {
  /** The last one that came, kept while a newer one is on its way. */
  readonly value: T | undefined;
  readonly refusal: string | undefined;
  readonly isLoading: boolean;
  readonly again: () => void;
}

interface Held<T> {
  readonly key: string;
  readonly round: string;
  readonly value: T | undefined;
  readonly refusal: string | undefined;
  /** It was refused for want of a connection. */
  readonly isCut: boolean;
}

/**
 * Asks once for each place and query, and anew when `version` is another, or when the connection is back for want of
 * which there was no answer. Without `options` nothing is asked.
 */
export function useAnswer<Op extends keyof Operations>(
  operation: Op,
  options: CallOptions<Op> | undefined,
  version: string | number = "",
): Answered<Operations[Op]["answer"]> {
  const { rest, status } = useClient();
  const isOnline = useReadable(status).kind === "online";
  const [held, setHeld] = useState<Held<Operations[Op]["answer"]>>();
  const [times, setTimes] = useState(0);
  const latest = useRef(options);
  latest.current = options;
  const key = options === undefined ? undefined : JSON.stringify([operation, options.places, options.query]);
  const round = `${version}/${times}`;
  useEffect(() => {
    const given = latest.current;
    if (key === undefined || given === undefined) return;
    const stop = new AbortController();
    rest.call(operation, { ...given, signal: stop.signal }).then(
      (value) => {
        if (!stop.signal.aborted) setHeld({ key, round, value, refusal: undefined, isCut: false });
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        setHeld((before) => ({
          key,
          round,
          value: before?.key === key ? before.value : undefined,
          refusal: sentenceOf(error),
          isCut: error instanceof Refused && error.code === "offline",
        }));
      },
    );
    return () => stop.abort();
  }, [rest, operation, key, round]);
  const again = useCallback(() => setTimes((before) => before + 1), []);
  const isOurs = held !== undefined && held.key === key;
  const isCut = isOurs && held.isCut;
  useEffect(() => {
    if (isOnline && isCut) again();
  }, [isOnline, isCut, again]);
  return {
    value: isOurs ? held.value : undefined,
    refusal: isOurs ? held.refusal : undefined,
    isLoading: key !== undefined && !(isOurs && held.round === round),
    again,
  };
}

export interface Act {
  /** True if it was done. A refusal is shown as a toast; that it is so already is none. */
  readonly run: (act: () => Promise<unknown>, done?: string) => Promise<boolean>;
  readonly isBusy: boolean;
}

export function useAct(): Act {
  const [running, setRunning] = useState(0);
  const run = useCallback(async (act: () => Promise<unknown>, done?: string) => {
    setRunning((before) => before + 1);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refused && error.code === "no_change")) {
        toast(sentenceOf(error), { tone: "danger" });
        return false;
      }
    } finally {
      setRunning((before) => before - 1);
    }
    if (done !== undefined) toast(done, { tone: "ok" });
    return true;
  }, []);
  return { run, isBusy: running > 0 };
}
