/** What runs in the room's sandbox, for all to watch: commands, background jobs, live and read-only. */

import { ArrowDown, SquareTerminal } from "lucide-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RoomState } from "../../room/state";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { useMe, useRoom, useRoomState } from "../hooks";
import { usePeople } from "../people";
import { Loading, Note } from "../sections";
import { useRights } from "../useRights";
import { CommandEntry } from "./CommandEntry";
import { commandsOf } from "./commands";
import { Jobs } from "./Jobs";
import { SandboxLine } from "./SandboxLine";
import { useFollow } from "./useFollow";

const callsOf = (state: RoomState) => state.calls;

export function TerminalPane({ roomId }: { readonly roomId: string }) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const me = useMe();
  const people = usePeople(room);
  const rights = useRights(room);
  const calls = useRoomState(room, callsOf);
  const entries = useMemo(() => (calls === undefined ? undefined : commandsOf(calls)), [calls]);
  const { scroller, content, isFollowing, onScroll, follow } = useFollow();
  const mayStop = (askers: readonly string[]) =>
    rights.may("stop_turn", { isOwnRequest: askers.includes(me.id) }) && !rights.isArchived;
  if (entries === undefined) {
    return (
      <div className="p-4">
        <Loading lines={5} />
      </div>
    );
  }
  if (!rights.may("see_workspace")) return <Note className="p-4">{t("terminal.mayNotSee")}</Note>;
  const isRunning = entries.some((entry) => entry.call.state === "running");
  // A job begins with a call, and what was changed by one is told by a further event.
  const version = entries.filter((entry) => entry.call.name === "job_start" && entry.call.finishedAt !== undefined);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <SandboxLine room={room} />
      <Jobs room={room} people={people} mayStop={mayStop} version={version.length} />
      {entries.length === 0 ? (
        <EmptyState icon={<SquareTerminal size={22} />} title={t("terminal.empty")}>
          {t("terminal.emptyHint")}
        </EmptyState>
      ) : (
        <div className="relative flex min-h-0 flex-1 flex-col bg-terminal">
          <section
            ref={scroller}
            onScroll={onScroll}
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
            tabIndex={0}
            aria-label={t("terminal.commands")}
            className="min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2"
          >
            <div ref={content}>
              {entries.map((entry) => (
                <CommandEntry
                  key={entry.call.key}
                  room={room}
                  people={people}
                  entry={entry}
                  mayStop={mayStop(entry.call.askers)}
                />
              ))}
            </div>
          </section>
          {!isFollowing && (
            <Button
              size="sm"
              className="absolute bottom-3 left-1/2 -translate-x-1/2 shadow-float"
              icon={<ArrowDown aria-hidden="true" size={14} />}
              onClick={follow}
            >
              {isRunning ? t("terminal.paused") : t("terminal.toEnd")}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
