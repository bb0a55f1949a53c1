/** What somebody decides about, whole and exact: what hides or turns the reading direction is written out. */

import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "../../ui/classes";
import { exactPieces } from "../../ui/visible";
import { type Argument, argumentsOf } from "./toolWords";

function Line({ text, sign }: { readonly text: string; readonly sign?: string }) {
  let at = 0;
  return (
    <span className="block min-h-[1.5em]">
      {sign !== undefined && (
        <span aria-hidden="true" className="mr-2 opacity-60 select-none">
          {sign}
        </span>
      )}
      {exactPieces(text).map((piece) => {
        const key = at;
        at += piece.text.length;
        return piece.isWrittenOut ? (
          <mark key={key} className="rounded-[3px] bg-danger px-0.5 text-danger-ink">
            {piece.text}
          </mark>
        ) : (
          <span key={key}>{piece.text}</span>
        );
      })}
    </span>
  );
}

/** Lines with their line numbers as keys: they never change places. */
function numbered(text: string): readonly { readonly at: number; readonly line: string }[] {
  return text.split("\n").map((line, at) => ({ at, line }));
}

export interface ExactTextProps {
  readonly text: string;
  readonly label: string;
  readonly look?: "terminal" | "plain" | "added" | "removed";
  /** It has no corners of its own: something of the same look follows. */
  readonly isJoined?: boolean;
}

const looks = {
  terminal: "bg-terminal text-terminal-ink",
  plain: "border border-line bg-surface text-ink",
  added: "border border-line bg-ok-soft text-ink",
  removed: "border border-line bg-danger-soft text-ink",
} as const;

export function ExactText({ text, label, look = "plain", isJoined = false }: ExactTextProps) {
  const signs = { terminal: "$", plain: undefined, added: "+", removed: "−" }[look];
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
      tabIndex={0}
      aria-label={label}
      dir="ltr"
      className={classes(
        "max-h-80 overflow-auto px-3 py-2 font-mono text-mono break-all whitespace-pre-wrap focus-visible:-outline-offset-2",
        !isJoined && "rounded-button",
        looks[look],
      )}
    >
      {numbered(text).map(({ at, line }) => (
        <Line
          key={at}
          text={line}
          {...(signs === undefined ? {} : { sign: look === "terminal" && at > 0 ? ">" : signs })}
        />
      ))}
    </section>
  );
}

/** Which arguments hold much text, and how it is shown. */
function lookOf(tool: string, name: string): ExactTextProps["look"] {
  if ((tool === "execute_command" || tool === "job_start") && name === "command") return "terminal";
  if (tool === "write_file" && name === "content") return "added";
  if (tool === "edit_file" && name === "old") return "removed";
  if (tool === "edit_file" && name === "new") return "added";
  return undefined;
}

export interface ExactArgumentsProps {
  readonly tool: string;
  readonly json: string;
  /** What came of it: printed right below a command, as a terminal does. */
  readonly printed?: ReactNode;
}

/** All of a call's arguments: nothing cut, nothing hidden. */
export function ExactArguments({ tool, json, printed }: ExactArgumentsProps) {
  const { t } = useTranslation();
  const named = argumentsOf(json);
  if (named === undefined || named.length === 0) {
    return (
      <>
        {named === undefined ? (
          <ExactText text={json} label={t("cards.arguments")} />
        ) : (
          <p className="text-small text-ink-3">{t("cards.noArguments")}</p>
        )}
        {printed}
      </>
    );
  }
  const isLong = (one: Argument) => lookOf(tool, one.name) !== undefined || one.value.includes("\n");
  const long = named.filter(isLong);
  const short = named.filter((one) => !isLong(one));
  return (
    <div className="flex flex-col gap-2">
      {short.length > 0 && (
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1 font-mono text-mono">
          {short.map((one) => (
            <div key={one.name} className="contents">
              <dt className="text-ink-3">
                <Line text={one.name} />
              </dt>
              <dd dir="ltr" className="break-all whitespace-pre-wrap text-ink">
                <Line text={one.value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {long.map((one) => {
        const look = lookOf(tool, one.name);
        return (
          <div key={one.name} className="flex flex-col gap-1">
            {look !== "terminal" && (
              <span className="font-mono text-meta text-ink-3">
                <Line text={one.name} />
              </span>
            )}
            {look === "terminal" && printed !== undefined ? (
              <div className="overflow-hidden rounded-button bg-terminal">
                <ExactText text={one.value} label={one.name} look={look} isJoined />
                {printed}
              </div>
            ) : (
              <ExactText text={one.value} label={one.name} {...(look === undefined ? {} : { look })} />
            )}
          </div>
        );
      })}
      {!long.some((one) => lookOf(tool, one.name) === "terminal") && printed}
    </div>
  );
}
