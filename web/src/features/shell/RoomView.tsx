/** One room: its head, what was said, the field to write in, and the pane beside it. */

import { DoorClosed, DoorOpen } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import type { RoomClient } from "../../connection/types";
import { buttonClass } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { PaneHandle } from "../../ui/PaneHandle";
import { sentenceOf } from "../answers";
import { AiBanner } from "../banners/AiBanner";
import { RoomBanner } from "../banners/RoomBanner";
import { useClient, useMe, useReadable, useRoom, useRoomState } from "../hooks";
import { detailWidth, lastRoom } from "../preferences";
import { shownName } from "../rooms/order";
import { DetailPane } from "./DetailPane";
import { ErrorBoundary, PartBroken } from "./ErrorBoundary";
import { useAction } from "./keymap";
import { RoomHeader, type RoomsButtonProps } from "./RoomHeader";
import type { Place } from "./routes";
import { Composer, RoomSettings, ThreadSheet, Timeline } from "./slots";
import { useDetail } from "./useDetail";
import { useTitle } from "./useTitle";

export interface RoomViewProps {
  readonly place: Extract<Place, { kind: "room" }>;
  readonly rooms: RoomsButtonProps | undefined;
}

export function RoomView({ place, rooms }: RoomViewProps) {
  const { t } = useTranslation();
  const { roomId } = place;
  const client = useClient();
  const me = useMe();
  const room = useRoom(roomId);
  const entry = useReadable(client.rooms)?.get(roomId);
  const name = useRoomState(room, (state) => shownName(state.room, me.display_name)) ?? entry?.name ?? "";
  const detail = useDetail();
  const width = useReadable(detailWidth);
  useTitle(name);
  const closed = useClosed(room);
  useAction("toggleDetail", detail.toggle, closed === undefined);
  useEffect(() => lastRoom.choose(roomId), [roomId]);
  return (
    <>
      <main
        id="main"
        tabIndex={-1}
        aria-label={t("shell.landmarks.room", { name })}
        className="flex min-w-0 flex-1 flex-col bg-surface outline-none"
      >
        <RoomHeader room={room} entry={entry} detail={closed === undefined ? detail : undefined} rooms={rooms} />
        {closed ?? <RoomBody place={place} />}
      </main>
      {closed !== undefined ? null : detail.isBeside && detail.pane !== undefined ? (
        <aside
          id="detail"
          tabIndex={-1}
          data-landmark="detail"
          aria-label={t("shell.landmarks.detail")}
          style={{ width }}
          className="relative flex shrink-0 flex-col border-l border-line bg-sunken outline-none"
        >
          <DetailPane roomId={roomId} detail={detail} />
          <PaneHandle
            label={t("shell.resizeDetail")}
            controls="detail"
            pane="right"
            value={width}
            min={280}
            max={560}
            onChange={(value) => detailWidth.choose(value)}
          />
        </aside>
      ) : (
        <DetailPane roomId={roomId} detail={detail} />
      )}
    </>
  );
}

function RoomBody({ place }: { readonly place: Extract<Place, { kind: "room" }> }) {
  const { roomId, messageId, rootId, settings } = place;
  const [, navigate] = useLocation();
  // In its place: going back does not open again what was closed.
  const toRoom = () => navigate(`/r/${roomId}`, { replace: true });
  const room = useRoom(roomId);
  const isArchived = useRoomState(room, (state) => state.room.archived_at !== undefined) ?? false;
  return (
    <>
      {isArchived ? <RoomBanner why="archived" /> : <AiBanner room={room} />}
      <ErrorBoundary key={roomId} fallback={(error) => <PartBroken error={error} />}>
        <div tabIndex={-1} data-landmark="room" className="flex min-h-0 flex-1 flex-col outline-none">
          <Timeline roomId={roomId} {...(messageId === undefined ? {} : { focusMessageId: messageId })} />
        </div>
        <Composer roomId={roomId} />
        {rootId !== undefined && (
          <ThreadSheet roomId={roomId} rootId={rootId} onClose={toRoom}>
            <Composer roomId={roomId} threadRoot={rootId} />
          </ThreadSheet>
        )}
        {settings !== undefined && <RoomSettings roomId={roomId} section={settings} onClose={toRoom} />}
      </ErrorBoundary>
    </>
  );
}

/** What stands in the place of a room that cannot be seen, or no more. */
function useClosed(room: RoomClient): ReactNode | undefined {
  const { t } = useTranslation();
  const refused = useReadable(room.refused);
  const isDeleted = useRoomState(room, (state) => state.isDeleted) ?? false;
  const isLeft = useRoomState(room, (state) => state.isLeft) ?? false;
  if (isDeleted) return <Closed title={t("shell.roomRefused.gone")}>{t("shell.roomRefused.goneText")}</Closed>;
  if (isLeft) return <Closed title={t("shell.roomRefused.left")}>{t("shell.roomRefused.leftText")}</Closed>;
  if (refused !== undefined) return <Closed title={t("shell.roomRefused.title")}>{sentenceOf(refused)}</Closed>;
  return undefined;
}

function Closed({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div tabIndex={-1} data-landmark="room" className="flex flex-1 items-center justify-center outline-none">
      <EmptyState
        level="h2"
        icon={<DoorClosed size={22} />}
        title={title}
        actions={
          <Link href="/" className={buttonClass("secondary")}>
            <DoorOpen aria-hidden="true" size={16} />
            {t("shell.roomRefused.back")}
          </Link>
        }
      >
        {children}
      </EmptyState>
    </div>
  );
}
