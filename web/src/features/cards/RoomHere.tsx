/** The room that messages and cards stand in: who is there, who reads, and whom a mention means. */

import { createContext, type ReactNode, useCallback, useContext, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { useMe, useRoom, useRoomState } from "../hooks";
import { type People, usePeople } from "../people";
import { type Mentioned, MentionsContext } from "../timeline/markdown/Mention";

export interface Here {
  readonly roomId: string;
  readonly room: RoomClient;
  readonly people: People;
  readonly meId: string;
}

const HereContext = createContext<Here | undefined>(undefined);

export function useHere(): Here {
  const here = useContext(HereContext);
  if (here === undefined) throw new Error("there is no room around this view");
  return here;
}

const GROUPS: ReadonlySet<string> = new Set(["all", "here", "owner", "admin", "member", "guest"]);

export function RoomHere({ roomId, children }: { readonly roomId: string; readonly children: ReactNode }) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const people = usePeople(room);
  const meId = useMe().id;
  const members = useRoomState(room, (state) => state.members);
  const here = useMemo(() => ({ roomId, room, people, meId }), [roomId, room, people, meId]);
  const byHandle = useMemo(
    () => new Map([...(members?.values() ?? [])].map((member) => [member.handle.toLowerCase(), member])),
    [members],
  );
  const mentioned = useCallback(
    (handle: string): Mentioned | undefined => {
      if (handle === "ai") return { name: t("timeline.mentionsAi"), kind: "ai" };
      if (GROUPS.has(handle)) return { name: t("timeline.mentionsGroup"), kind: "group" };
      const member = byHandle.get(handle);
      if (member === undefined) return undefined;
      const kind = member.account_id === meId ? "me" : member.kind === "ai" ? "ai" : "person";
      return { name: member.display_name, kind };
    },
    [byHandle, meId, t],
  );
  return (
    <HereContext value={here}>
      <MentionsContext value={mentioned}>{children}</MentionsContext>
    </HereContext>
  );
}
