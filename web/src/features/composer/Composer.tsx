/** Where a message is written: under a room, or in a thread. Says why where it cannot be. */

import { Lock } from "lucide-react";
import { useDeferredValue } from "react";
import { useTranslation } from "react-i18next";
import { Skeleton } from "../../ui/Skeleton";
import { useMe, useReadable, useRoom, useRoomState } from "../hooks";
import { whyClosed } from "./room";
import { Writing } from "./Writing";
import { WritingLine } from "./WritingLine";

export interface ComposerProps {
  readonly roomId: string;
  /** The first message of the thread that it stands in. */
  readonly threadRoot?: string;
}

export function Composer({ roomId, threadRoot }: ComposerProps) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const me = useMe();
  // The field is a painting of its own: keys and clicks are heard between it and the rest of the room.
  const isOpen = useDeferredValue(useRoomState(room, () => true) ?? false);
  const closed = useRoomState(room, (state) => whyClosed(state, me.id));
  const refused = useReadable(room.refused);
  // That a room is archived stands at its head already; a thread has no head of its own.
  const isSaid = closed === "archived" && threadRoot === undefined;
  if (refused !== undefined) return null;
  return (
    <section
      aria-label={t("composer.region")}
      tabIndex={-1}
      data-landmark="composer"
      className="shrink-0 px-4 outline-none pb-[max(1rem,env(safe-area-inset-bottom))] max-sm:px-2 max-sm:pb-[max(0.5rem,env(safe-area-inset-bottom))]"
    >
      <div className="relative mx-auto w-full max-w-[60rem]">
        {threadRoot === undefined && <WritingLine room={room} />}
        {!isOpen && <Opening />}
        {isOpen && closed !== undefined && !isSaid && <ClosedBar words={t(`composer.closed.${closed}`)} />}
        {isOpen && closed === undefined && (
          <Writing key={`${roomId}/${threadRoot ?? ""}`} room={room} threadRoot={threadRoot} />
        )}
      </div>
    </section>
  );
}

function Opening() {
  const { t } = useTranslation();
  return (
    <div
      role="status"
      className="flex min-h-12.5 items-center rounded-composer border border-line bg-surface px-4 pointer-coarse:min-h-14.5"
    >
      <span className="sr-only">{t("composer.opening")}</span>
      <Skeleton className="h-3 w-48" />
    </div>
  );
}

function ClosedBar({ words }: { readonly words: string }) {
  return (
    <p className="flex min-h-12.5 items-center justify-center gap-2 rounded-composer border border-line bg-sunken px-4 py-2 text-center text-small text-ink-2 pointer-coarse:min-h-14.5">
      <Lock aria-hidden="true" size={15} className="shrink-0 text-ink-3" />
      {words}
    </p>
  );
}
