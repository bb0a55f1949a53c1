/** Searches the messages of one's rooms; what is asked stands in the address. */

import { Search, SearchX } from "lucide-react";
import { type FormEvent, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useSearch } from "wouter";
import type { RoomEntry } from "../../connection/types";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { Field, Input, Select } from "../../ui/Field";
import { Skeleton } from "../../ui/Skeleton";
import { useClient, useReadable } from "../hooks";
import { Refusal } from "../sections";
import { type Asked, fromAddress, queryOf, toAddress, withFilters } from "./asked";
import { DayField } from "./DayField";
import { HitCard } from "./HitCard";
import { useDraft } from "./useDraft";
import { type Hits, useHits } from "./useHits";

export function SearchPage() {
  const { t } = useTranslation();
  const asked = fromAddress(useSearch());
  const found = useHits(asked);
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex w-full max-w-3xl flex-col gap-5 px-4 py-6 sm:px-6">
        <h1 className="text-display font-semibold">{t("search.title")}</h1>
        <AskForm asked={asked} />
        <Results asked={asked} found={found} />
      </div>
    </div>
  );
}

function AskForm({ asked }: { readonly asked: Asked }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const rooms = useRoomNames();
  const address = toAddress(asked);
  const [words, setWords] = useDraft(asked.words, address);
  const [from, setFrom] = useDraft(asked.from ?? "", address);
  const form = useRef<HTMLFormElement>(null);
  const field = useRef<HTMLInputElement>(null);
  /** The list that asked last, while it has the focus: each of its lines that an arrow goes over is asked. */
  const chosenIn = useRef<Element>(undefined);
  const isBeginning = queryOf(asked) === undefined;
  useEffect(() => {
    if (isBeginning && form.current?.contains(document.activeElement) !== true) field.current?.focus();
  }, [isBeginning]);

  const ask = (change: Partial<Asked> = {}) => {
    const said = { ...asked, words, from: from.trim().replace(/^[@＠]/, "") || undefined, ...change };
    const next = inKnownRoom(withFilters(said), rooms);
    // A filter that is set already may have been written among the words once more.
    setWords(next.words);
    setFrom(next.from ?? "");
    const at = document.activeElement;
    const list = at instanceof HTMLSelectElement ? at : undefined;
    const isSameList = list !== undefined && list === chosenIn.current;
    chosenIn.current = list;
    const to = toAddress(next);
    if (to !== address) navigate(to, { replace: isSameList || isBeginning });
  };
  return (
    <search>
      <form
        ref={form}
        noValidate
        className="flex flex-col gap-3"
        onBlur={() => {
          chosenIn.current = undefined;
        }}
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          ask();
        }}
      >
        <div className="flex gap-2">
          <span className="relative min-w-0 flex-1">
            <Search
              aria-hidden="true"
              size={16}
              className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-ink-3"
            />
            <Input
              ref={field}
              type="search"
              maxLength={200}
              value={words}
              aria-label={t("search.words")}
              placeholder={t("search.placeholder")}
              onChange={(event) => setWords(event.target.value)}
              className="h-10 ps-9"
            />
          </span>
          <Button type="submit" variant="primary" className="h-10">
            {t("common.search")}
          </Button>
        </div>
        <div className="grid grid-cols-2 items-start gap-3 sm:grid-cols-6">
          <Field label={t("search.room")} className="sm:col-span-2">
            <Select
              value={asked.roomId ?? ""}
              onChange={(value) => ask({ roomId: value === "" ? undefined : value, roomName: undefined })}
              options={[
                { value: "", label: t("search.anyRoom") },
                ...[...rooms.values()].map((room) => ({ value: room.id, label: room.name })),
              ]}
            />
          </Field>
          <Field label={t("search.from")} className="sm:col-span-2">
            <Input
              value={from}
              placeholder={t("search.fromHint")}
              onChange={(event) => setFrom(event.target.value)}
              onBlur={() => {
                if (from.trim() !== (asked.from ?? "")) ask();
              }}
            />
          </Field>
          <Field label={t("search.having")} className="col-span-2">
            <Select
              value={havingOf(asked)}
              onChange={(value) =>
                ask({ hasFile: value === "file" || value === "both", hasLink: value === "link" || value === "both" })
              }
              options={[
                { value: "any", label: t("search.anyHaving") },
                { value: "file", label: t("search.withFiles") },
                { value: "link", label: t("search.withLinks") },
                { value: "both", label: t("search.withBoth") },
              ]}
            />
          </Field>
          <DayField label={t("search.after")} asked={asked.after} onAsk={(after) => ask({ after })} />
          <DayField label={t("search.before")} asked={asked.before} onAsk={(before) => ask({ before })} />
        </div>
      </form>
    </search>
  );
}

function Results({ asked, found }: { readonly asked: Asked; readonly found: Hits }) {
  const { t } = useTranslation();
  const rooms = useRoomNames();
  if (queryOf(asked) === undefined) {
    return (
      <EmptyState icon={<Search size={22} />} title={t("search.begin")}>
        <p>{t("search.beginText")}</p>
        <p className="mt-2 font-mono text-mono">from:mei · in:welcome · has:link · after:2026-11-01</p>
      </EmptyState>
    );
  }
  return (
    <section aria-label={t("search.results")} aria-busy={found.isLoading} className="flex flex-col gap-2.5">
      <p role="status" className="text-small text-ink-3">
        {found.isLoading && t("search.looking")}
        {!found.isLoading &&
          found.hits.length > 0 &&
          t(found.hasMore ? "search.atLeast" : "search.found", { count: found.hits.length })}
      </p>
      {found.hits.map((hit) => {
        const room = rooms.get(hit.room_id);
        return (
          <HitCard
            key={hit.message.id}
            hit={hit}
            words={asked.words}
            author={found.authors.get(hit.message.author_id)}
            roomName={room?.name ?? t("search.someRoom")}
            isDirect={room?.kind === "direct"}
          />
        );
      })}
      {found.isLoading && found.hits.length === 0 && <Waiting />}
      {found.refusal !== undefined && <Refusal text={found.refusal} onRetry={found.more} />}
      {!found.isLoading && found.hits.length === 0 && found.refusal === undefined && (
        <EmptyState icon={<SearchX size={22} />} title={t("search.nothing")}>
          <p>{t(asked.words === "" ? "search.nothingFiltered" : "search.nothingText")}</p>
        </EmptyState>
      )}
      {found.hasMore && (
        <Button className="self-center" isBusy={found.isLoading} onClick={found.more}>
          {t("common.loadMore")}
        </Button>
      )}
    </section>
  );
}

function Waiting() {
  return ["w-10/12", "w-7/12", "w-9/12"].map((width) => (
    <div key={width} className="flex flex-col gap-2.5 rounded-card border border-line bg-surface px-4 py-4">
      <Skeleton className="h-3 w-40" />
      <Skeleton className={`h-3 ${width}`} />
    </div>
  ));
}

function havingOf({ hasFile, hasLink }: Asked): "any" | "file" | "link" | "both" {
  if (hasFile && hasLink) return "both";
  if (hasFile) return "file";
  return hasLink ? "link" : "any";
}

/** A name that one room of ours has is that room; of another one the server says what there is. */
function inKnownRoom(asked: Asked, rooms: ReadonlyMap<string, Pick<RoomEntry, "id" | "name">>): Asked {
  const name = asked.roomName?.toLocaleLowerCase();
  if (name === undefined) return asked;
  const [one, another] = [...rooms.values()].filter((room) => room.name.toLocaleLowerCase() === name);
  return one === undefined || another !== undefined ? asked : { ...asked, roomId: one.id, roomName: undefined };
}

/** By name; a direct room is called as the others in it. */
function useRoomNames(): ReadonlyMap<string, Pick<RoomEntry, "id" | "name" | "kind">> {
  const client = useClient();
  const rooms = useReadable(client.rooms);
  const mine = client.me.display_name;
  const named = [...(rooms?.values() ?? [])].map((room) => {
    const names = room.name.split(", ");
    const others = names.filter((_, place) => place !== names.indexOf(mine)).join(", ");
    return { id: room.id, kind: room.kind, name: room.kind === "direct" && others !== "" ? others : room.name };
  });
  named.sort((one, other) => one.name.localeCompare(other.name));
  return new Map(named.map((room) => [room.id, room]));
}
