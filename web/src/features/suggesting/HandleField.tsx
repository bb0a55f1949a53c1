/** Where handles are written: below stand people whom one shares a room with, as far as they fit, as after an `@` in a message. */

import { type KeyboardEvent, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Member } from "../../protocol/wire";
import { classes } from "../../ui/classes";
import { Field, Input } from "../../ui/Field";
import { handlesIn, withoutAt, wordAtEnd } from "./handles";
import { useKnownPeople } from "./knownPeople";
import { type Mentionable, matchingMentions } from "./mentions";
import { Suggestions } from "./Suggestions";
import { optionId } from "./suggestion";

/** As high as its lines, so that nothing jumps while fewer of them fit. */
const HEIGHTS = [
  "",
  "min-h-12 pointer-coarse:min-h-14",
  "min-h-20 pointer-coarse:min-h-25",
  "min-h-29 pointer-coarse:min-h-36",
] as const;
const MOST = 50;
const NONE: ReadonlyMap<string, unknown> = new Map();

export interface HandleFieldProps {
  readonly label: string;
  readonly hint: string;
  readonly error: string | undefined;
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
  /** Several, with spaces between them. */
  readonly isMany?: boolean;
  /** The room whose members are asked for first. */
  readonly roomId?: string | undefined;
  /** Account ids that are not offered. */
  readonly without?: ReadonlyMap<string, unknown>;
}

export function HandleField(props: HandleFieldProps) {
  const { label, hint, error, placeholder, value, onChange, isMany = false, roomId, without = NONE } = props;
  const { t } = useTranslation();
  const listId = useId();
  const known = useKnownPeople(roomId).filter((one) => one.kind !== "ai" && !without.has(one.account_id));
  const [mark, setMark] = useState<{ readonly of: string; readonly place: number }>();
  const word = isMany ? wordAtEnd(value) : { start: 0, query: withoutAt(value) };
  const written = new Set(isMany ? handlesIn(value.slice(0, word.start)) : []);
  const fitting = matchingMentions(
    word.query,
    known.filter((one) => !written.has(one.handle)).map(asMentionable),
    MOST,
  );
  // Before a letter is written none is meant: Enter does what is written already.
  const first = word.query === "" ? -1 : 0;
  const chosen = mark?.of === value ? Math.min(mark.place, fitting.length - 1) : Math.min(first, fitting.length - 1);
  const marked = fitting[chosen];
  const isListed = fitting.length > 0;
  const choose = (place: number) => setMark({ of: value, place });
  const take = (one: Mentionable) => onChange(`${value.slice(0, word.start)}@${one.handle}${isMany ? " " : ""}`);

  function keyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "ArrowDown" && isListed) choose((chosen + 1) % fitting.length);
    else if (event.key === "ArrowUp" && isListed) choose(chosen < 1 ? fitting.length - 1 : chosen - 1);
    else if (event.key === "Escape" && marked !== undefined) choose(-1);
    else if (event.key === "Enter" && marked !== undefined && marked.handle !== word.query.toLowerCase()) take(marked);
    else return;
    event.preventDefault();
  }

  return (
    <div>
      <Field label={label} hint={hint} error={error}>
        <Input
          role="combobox"
          aria-autocomplete="list"
          aria-haspopup="listbox"
          aria-expanded={isListed}
          aria-controls={isListed ? listId : undefined}
          aria-activedescendant={marked === undefined ? undefined : optionId(listId, chosen)}
          data-keeps-escape={marked === undefined ? undefined : ""}
          autoCapitalize="none"
          autoComplete="off"
          spellCheck={false}
          value={value}
          placeholder={placeholder}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={keyDown}
        />
      </Field>
      {known.length > 0 && (
        <div className={classes("mt-3 grid max-h-44", HEIGHTS[known.length] ?? "h-44")}>
          {isListed ? (
            <Suggestions
              listId={listId}
              label={t("members.known.label")}
              items={fitting.map((mention) => ({ kind: "mention", mention }))}
              chosen={chosen}
              onChoose={choose}
              onTake={(one) => one.kind === "mention" && take(one.mention)}
              className="rounded-card"
            />
          ) : (
            <p className="rounded-card border border-line px-3 py-1.5 text-meta text-ink-3">
              {word.query !== "" && t("members.known.nobody")}
            </p>
          )}
        </div>
      )}
      <span role="status" className="sr-only">
        {word.query !== "" && isListed && t("members.known.found", { count: fitting.length })}
      </span>
    </div>
  );
}

function asMentionable(member: Member): Mentionable {
  return {
    key: member.account_id,
    kind: member.kind === "bot" ? "bot" : "person",
    handle: member.handle,
    name: member.display_name,
    isOnline: false,
  };
}
