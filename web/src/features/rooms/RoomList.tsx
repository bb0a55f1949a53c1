/** The rooms, direct messages and archived rooms of this account: one Tab stop, arrows between the rows. */

import { ChevronRight, Plus } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomEntry } from "../../connection/types";
import { Button } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { IconButton } from "../../ui/IconButton";
import { Skeleton } from "../../ui/Skeleton";
import { useMe, useReadable } from "../hooks";
import { archivedRooms, drafts, muted } from "../preferences";
import { NewDirect, NewRoom } from "./fetched";
import { shownName } from "./order";
import { RoomRow } from "./RoomRow";
import { useRooms } from "./useRooms";

export function RoomList({ onOpen }: { readonly onOpen: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const { parts, list, currentId } = useRooms();
  const quiet = useReadable(muted);
  const written = useReadable(drafts);
  const isArchiveOpen = useReadable(archivedRooms) === "open";
  const [focusId, setFocusId] = useState<string>();
  const [making, setMaking] = useState<"room" | "direct">();
  const archiveId = useId();

  const stop = [focusId, currentId].find((id) => list.some((entry) => entry.id === id)) ?? list[0]?.id;
  const row = (entry: RoomEntry) => (
    <RoomRow
      key={entry.id}
      entry={entry}
      name={shownName(entry, me.display_name)}
      isCurrent={entry.id === currentId}
      isMuted={quiet.has(entry.id)}
      hasDraft={written.has(entry.id)}
      isTabStop={entry.id === stop}
      onOpen={onOpen}
      onFocus={() => setFocusId(entry.id)}
    />
  );

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the arrows move between the links inside
    <div className="flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto px-2 pt-1 pb-4" onKeyDown={moveAmongRows}>
      <Part
        title={t("rooms.rooms")}
        action={<AddButton label={t("rooms.newRoom")} onClick={() => setMaking("room")} />}
      >
        {parts === undefined ? <LoadingRows /> : <ul>{parts.rooms.map(row)}</ul>}
        {parts?.rooms.length === 0 && (
          <div className="px-3 py-1">
            <p className="text-small text-ink-3">{t("rooms.empty")}</p>
            <Button variant="primary" className="mt-3 sm:hidden" onClick={() => setMaking("room")}>
              {t("rooms.newRoom")}
            </Button>
          </div>
        )}
      </Part>
      <Part
        title={t("rooms.direct")}
        action={<AddButton label={t("rooms.newDirect")} onClick={() => setMaking("direct")} />}
      >
        {parts !== undefined && <ul>{parts.direct.map(row)}</ul>}
        {parts?.direct.length === 0 && <p className="px-3 py-1 text-small text-ink-3">{t("rooms.noDirect")}</p>}
      </Part>
      {parts !== undefined && parts.archived.length > 0 && (
        <section>
          <button
            type="button"
            aria-expanded={isArchiveOpen}
            aria-controls={archiveId}
            onClick={() => archivedRooms.choose(isArchiveOpen ? "closed" : "open")}
            className="flex h-8 w-full items-center gap-1.5 rounded-button px-2 text-small font-medium text-ink-3 hover:bg-hover hover:text-ink pointer-coarse:h-11"
          >
            <ChevronRight
              aria-hidden="true"
              size={14}
              className={classes("transition-transform", isArchiveOpen && "rotate-90")}
            />
            {t("rooms.archived")}
            <span className="tabular-nums">{parts.archived.length}</span>
          </button>
          <ul id={archiveId} hidden={!isArchiveOpen}>
            {parts.archived.map(row)}
          </ul>
        </section>
      )}
      <NewRoom isOpen={making === "room"} onOpenChange={(isOpen) => setMaking(isOpen ? "room" : undefined)} />
      <NewDirect isOpen={making === "direct"} onOpenChange={(isOpen) => setMaking(isOpen ? "direct" : undefined)} />
    </div>
  );
}

function Part({
  title,
  action,
  children,
}: {
  readonly title: string;
  readonly action: ReactNode;
  readonly children: ReactNode;
}) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div className="flex h-8 items-center justify-between pr-0.5 pl-3 pointer-coarse:h-11">
        <h2 id={id} className="text-small font-medium text-ink-3">
          {title}
        </h2>
        {action}
      </div>
      {children}
    </section>
  );
}

function AddButton({ label, onClick }: { readonly label: string; readonly onClick: () => void }) {
  return <IconButton label={label} icon={<Plus size={16} />} size="sm" onClick={onClick} />;
}

function LoadingRows() {
  const { t } = useTranslation();
  return (
    <div role="status" className="flex flex-col gap-3 px-3 py-2">
      <span className="sr-only">{t("rooms.loading")}</span>
      <Skeleton className="h-3.5 w-32" />
      <Skeleton className="h-3.5 w-24" />
      <Skeleton className="h-3.5 w-36" />
      <Skeleton className="h-3.5 w-20" />
    </div>
  );
}

function moveAmongRows(event: KeyboardEvent<HTMLElement>): void {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-room-row]")].filter(
    (one) => one.closest("[hidden]") === null,
  );
  const at = event.target instanceof HTMLElement ? rows.indexOf(event.target) : -1;
  if (at === -1) return;
  const next = {
    ArrowDown: rows[at + 1],
    ArrowUp: rows[at - 1],
    Home: rows[0],
    End: rows.at(-1),
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}
