/** The page of who is signed in: banners, rooms, the place that the address names, and what lies over it all. */

import { Compass, MessagesSquare, Plus } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { Button, buttonClass } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { PaneHandle } from "../../ui/PaneHandle";
import { Sheet } from "../../ui/windows";
import { ConnectionBanner } from "../banners/ConnectionBanner";
import { UpdateBanner } from "../banners/UpdateBanner";
import { useClient, useReadable, useSelected } from "../hooks";
import { hasRoomsPane, isPhone, useMedia } from "../media";
import { lastRoom, muted, roomsPane, roomsWidth } from "../preferences";
import { RoomsPane, useRoomKeys } from "../rooms/RoomsPane";
import { waitingIn } from "../rooms/waiting";
import { ErrorBoundary, PartBroken } from "./ErrorBoundary";
import { useAction, useKeymap } from "./keymap";
import { useLandmarks } from "./landmarks";
import { prefetchWhenIdle } from "./prefetching";
import { RoomsButton, type RoomsButtonProps } from "./RoomHeader";
import { RoomView } from "./RoomView";
import { type Place, placeAt } from "./routes";
import { Account, NewRoom, Palette, SearchPage, Shortcuts } from "./slots";
import { useNotifying } from "./useNotifying";
import { useTitle } from "./useTitle";

export function Shell({ onSignOut }: { readonly onSignOut: () => Promise<void> }) {
  const { t } = useTranslation();
  const [path, navigate] = useLocation();
  const place = placeAt(path);
  const layout = useLayout(place);
  const client = useClient();
  const roomId = place.kind === "room" ? place.roomId : undefined;
  const waiting = waitingIn(useReadable(client.rooms), useReadable(muted), roomId).forMe;
  useKeymap();
  useLandmarks();
  useRoomKeys();
  useNotifying();
  useAction("toggleRooms", layout.toggle);
  useAction("search", () => navigate("/search"));
  useEffect(prefetchWhenIdle, []);

  const rooms: RoomsButtonProps | undefined =
    layout.shows === "beside"
      ? undefined
      : { as: layout.shows === "list" ? "back" : layout.isWide ? "pane" : "drawer", waiting, onPress: layout.toggle };
  const pane = (
    <RoomsPane
      onSignOut={onSignOut}
      onOpen={layout.closeDrawer}
      {...(layout.shows === "beside" ? { onHide: layout.toggle } : {})}
    />
  );

  return (
    <div className="flex h-dvh flex-col bg-app pt-[env(safe-area-inset-top)] pr-[env(safe-area-inset-right)] pl-[env(safe-area-inset-left)]">
      <a
        href="#main"
        className="absolute top-2 left-2 z-50 -translate-y-16 rounded-button bg-accent px-3 py-2 text-small font-medium text-accent-ink focus:translate-y-0"
      >
        {t("shell.skip")}
      </a>
      <ConnectionBanner onSignIn={() => window.location.assign("/sign-in")} />
      <UpdateBanner />
      <div className="flex min-h-0 flex-1">
        {layout.shows === "list" && place.kind === "start" ? (
          <RoomsNav>{pane}</RoomsNav>
        ) : (
          <>
            {layout.shows === "beside" && <RoomsBeside>{pane}</RoomsBeside>}
            <At place={place} rooms={rooms} />
          </>
        )}
      </div>
      {layout.shows === "drawer" && (
        <Sheet
          side="left"
          isBare
          isOpen={layout.isDrawerOpen}
          onOpenChange={(isOpen) => !isOpen && layout.closeDrawer()}
          title={t("shell.landmarks.rooms")}
          className="w-[min(20rem,85vw)]"
        >
          {pane}
        </Sheet>
      )}
      <Overlays />
    </div>
  );
}

interface Layout {
  /** Rooms beside the place, in a drawer over it, or as a place of their own. */
  readonly shows: "beside" | "drawer" | "list";
  readonly isWide: boolean;
  readonly isDrawerOpen: boolean;
  readonly toggle: () => void;
  readonly closeDrawer: () => void;
}

function useLayout(place: Place): Layout {
  const isNarrow = useMedia(isPhone);
  const isWide = useMedia(hasRoomsPane);
  const chosen = useReadable(roomsPane);
  const [path, navigate] = useLocation();
  const [isDrawerOpen, setDrawerOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: wherever one goes, the drawer is done
  useEffect(() => setDrawerOpen(false), [path, isWide]);
  const shows = isNarrow ? "list" : isWide && chosen === "open" ? "beside" : "drawer";
  const toggle = () => {
    if (isNarrow) {
      if (place.kind !== "start") navigate("/");
    } else if (isWide) roomsPane.choose(chosen === "open" ? "closed" : "open");
    else setDrawerOpen(!isDrawerOpen);
  };
  return { shows, isWide, isDrawerOpen, toggle, closeDrawer: () => setDrawerOpen(false) };
}

function RoomsNav({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  useTitle("");
  return (
    <main id="main" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
      <h1 className="sr-only">{t("shell.landmarks.rooms")}</h1>
      <nav
        tabIndex={-1}
        data-landmark="rooms"
        aria-label={t("shell.landmarks.rooms")}
        className="flex min-h-0 flex-1 flex-col pb-[env(safe-area-inset-bottom)] outline-none"
      >
        {children}
      </nav>
    </main>
  );
}

function RoomsBeside({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  const width = useReadable(roomsWidth);
  return (
    <nav
      id="rooms"
      tabIndex={-1}
      data-landmark="rooms"
      aria-label={t("shell.landmarks.rooms")}
      style={{ width }}
      className="relative flex shrink-0 flex-col border-r border-line outline-none"
    >
      {children}
      <PaneHandle
        label={t("shell.resizeRooms")}
        controls="rooms"
        pane="left"
        value={width}
        min={208}
        max={400}
        onChange={(value) => roomsWidth.choose(value)}
      />
    </nav>
  );
}

function At({ place, rooms }: { readonly place: Place; readonly rooms: RoomsButtonProps | undefined }) {
  const { t } = useTranslation();
  if (place.kind === "room") return <RoomView key={place.roomId} place={place} rooms={rooms} />;
  if (place.kind === "search") {
    return (
      <Page title={t("common.search")} rooms={rooms}>
        <SearchPage />
      </Page>
    );
  }
  if (place.kind === "account") {
    return (
      <Page title={t("common.settings")} rooms={rooms}>
        <Account />
      </Page>
    );
  }
  if (place.kind === "start") {
    return (
      <Page title="" rooms={rooms}>
        <Start />
      </Page>
    );
  }
  return (
    <Page title={t("shell.notFound.title")} rooms={rooms}>
      <EmptyState
        level="h1"
        className="my-auto"
        icon={<Compass size={22} />}
        title={t("shell.notFound.title")}
        actions={
          <Link href="/" className={buttonClass()}>
            {t("shell.roomRefused.back")}
          </Link>
        }
      >
        {t("shell.notFound.text")}
      </EmptyState>
    </Page>
  );
}

interface PageProps {
  readonly title: string;
  readonly rooms: RoomsButtonProps | undefined;
  readonly children: ReactNode;
}

/** A place that is no room. */
function Page({ title, rooms, children }: PageProps) {
  const { t } = useTranslation();
  useTitle(title);
  return (
    <main
      id="main"
      tabIndex={-1}
      data-landmark="page"
      aria-label={title === "" ? t("shell.landmarks.page") : title}
      className="flex min-w-0 flex-1 flex-col bg-surface outline-none"
    >
      {rooms !== undefined && (
        <div className="flex h-14 shrink-0 items-center px-3">
          <RoomsButton {...rooms} />
        </div>
      )}
      <div className="flex min-h-0 flex-1 flex-col overflow-y-auto">
        <ErrorBoundary key={title} fallback={(error) => <PartBroken error={error} />}>
          {children}
        </ErrorBoundary>
      </div>
    </main>
  );
}

/** Without a room in the address: the last one again, else what to do first. */
function Start() {
  const { t } = useTranslation();
  const client = useClient();
  const [, navigate] = useLocation();
  const last = useReadable(lastRoom);
  const known = useSelected(client.rooms, (rooms) => (rooms === undefined ? undefined : { rooms }));
  const [isMaking, setMaking] = useState(false);
  const count = known?.rooms.size;
  const again =
    known === undefined
      ? undefined
      : known.rooms.has(last)
        ? last
        : [...known.rooms.values()].find((entry) => !entry.isArchived)?.id;
  useEffect(() => {
    if (again !== undefined) navigate(`/r/${again}`, { replace: true });
  }, [again, navigate]);
  if (count === undefined || again !== undefined) return null;
  return (
    <>
      <EmptyState
        level="h1"
        className="my-auto"
        icon={<MessagesSquare size={22} />}
        title={count === 0 ? t("shell.noRoom.first") : t("shell.noRoom.title")}
        actions={
          <Button variant="primary" icon={<Plus aria-hidden="true" size={16} />} onClick={() => setMaking(true)}>
            {t("rooms.newRoom")}
          </Button>
        }
      >
        {count === 0 ? t("shell.noRoom.firstText") : t("shell.noRoom.text")}
      </EmptyState>
      <NewRoom isOpen={isMaking} onOpenChange={setMaking} />
    </>
  );
}

/** Opened by a key from anywhere. */
function Overlays() {
  const [open, setOpen] = useState<"palette" | "shortcuts">();
  const toggle = (name: "palette" | "shortcuts") => setOpen((before) => (before === name ? undefined : name));
  useAction("palette", () => toggle("palette"));
  useAction("shortcuts", () => toggle("shortcuts"));
  const change = (name: "palette" | "shortcuts") => (isOpen: boolean) => setOpen(isOpen ? name : undefined);
  return (
    <>
      {open === "palette" && <Palette isOpen onOpenChange={change("palette")} />}
      {open === "shortcuts" && <Shortcuts isOpen onOpenChange={change("shortcuts")} />}
    </>
  );
}
