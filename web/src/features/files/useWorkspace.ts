/** The workspace's folders, looked into when they are opened, and anew whenever files are not as they were. */

import { useCallback, useEffect, useRef, useState } from "react";
import type { RoomClient } from "../../connection/types";
import type { WorkspaceListing } from "../../protocol/api";
import { sentenceOf } from "../answers";
import { useClient, useRoomState } from "../hooks";
import { changedSeq } from "./changes";
import { foldersAbove, isWithin } from "./paths";
import type { Folder } from "./tree";

export interface Workspace {
  readonly folders: ReadonlyMap<string, Folder>;
  readonly open: ReadonlySet<string>;
  /** How full it is and how it stands to its copy, as last told. */
  readonly listing: WorkspaceListing | undefined;
  readonly isLooking: boolean;
  readonly setOpen: (path: string, isOpen: boolean) => void;
  /** Opens what lies above a path. */
  readonly reveal: (path: string) => void;
  readonly look: () => void;
}

/** A burst of changes is one look. */
const SETTLE_MS = 400;

export function useWorkspace(room: RoomClient, isSeen: boolean): Workspace {
  const { rest } = useClient();
  const seq = useRoomState(room, changedSeq);
  const [folders, setFolders] = useState<ReadonlyMap<string, Folder>>(new Map());
  const [open, setOpenFolders] = useState<ReadonlySet<string>>(new Set());
  const [listing, setListing] = useState<WorkspaceListing>();
  const [looking, setLooking] = useState(0);
  const opened = useRef(open);
  opened.current = open;
  const hasLooked = useRef(false);

  const look = useCallback(
    async (path: string) => {
      setLooking((before) => before + 1);
      try {
        const found = await rest.call("GET /api/v1/rooms/{room_id}/workspace", {
          places: { room_id: room.id },
          query: { path },
        });
        setListing(found);
        setFolders((all) =>
          new Map(all).set(path, { entries: found.entries, isCut: found.is_cut, refusal: undefined }),
        );
      } catch (error) {
        // A folder that is gone is not open any more; the workspace itself says why it cannot be seen.
        if (path !== "") setOpenFolders((all) => new Set([...all].filter((one) => !isWithin(one, path))));
        setFolders((all) => new Map(all).set(path, { entries: undefined, isCut: false, refusal: sentenceOf(error) }));
      } finally {
        setLooking((before) => before - 1);
      }
    },
    [rest, room.id],
  );

  const lookAll = useCallback(() => {
    for (const path of ["", ...opened.current]) void look(path);
  }, [look]);

  useEffect(() => {
    if (!isSeen || seq === undefined) return;
    const go = () => {
      hasLooked.current = true;
      lookAll();
    };
    const timer = window.setTimeout(go, hasLooked.current ? SETTLE_MS : 0);
    return () => window.clearTimeout(timer);
  }, [isSeen, seq, lookAll]);

  const setOpen = useCallback(
    (path: string, isOpen: boolean) => {
      setOpenFolders((all) => {
        const next = new Set(all);
        if (isOpen) next.add(path);
        else next.delete(path);
        return next;
      });
      if (isOpen) void look(path);
    },
    [look],
  );

  const reveal = useCallback(
    (path: string) => {
      for (const folder of foldersAbove(path)) if (!opened.current.has(folder)) setOpen(folder, true);
    },
    [setOpen],
  );

  return { folders, open, listing, isLooking: looking > 0, setOpen, reveal, look: lookAll };
}
