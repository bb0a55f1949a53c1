/** The room's files: the workspace in which AIs and people work, what was changed in it, and the files of messages. */

import { FilePlus2, RefreshCw, Upload } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "wouter";
import type { RoomClient } from "../../connection/types";
import { IconButton } from "../../ui/IconButton";
import { TabPanel, Tabs } from "../../ui/Tabs";
import { useClient, useRoom } from "../hooks";
import { usePeople } from "../people";
import { Loading, Note } from "../sections";
import { useRights } from "../useRights";
import { AttachmentsView } from "./AttachmentsView";
import { ChangesView } from "./ChangesView";
import { FileWindow } from "./FileWindow";
import { Fullness } from "./Fullness";
import { DeleteFile, MoveFile, NewFile } from "./PathDialogs";
import { isWithin, nameOf } from "./paths";
import { SendingList } from "./SendingList";
import { Tree } from "./Tree";
import type { TreeRow } from "./tree";
import { useSending } from "./useSending";
import { useWorkspace } from "./useWorkspace";

type View = "workspace" | "changes" | "attachments";

export function FilesPane({ roomId, view: first = "workspace" }: { readonly roomId: string; readonly view?: View }) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const people = usePeople(room);
  const rights = useRights(room);
  const [view, setView] = useState<View>(first);
  if (rights.role === undefined) {
    return (
      <div className="p-4">
        <Loading lines={5} />
      </div>
    );
  }
  const maySee = rights.may("see_workspace");
  return (
    <Tabs
      label={t("files.views")}
      value={view}
      onChange={setView}
      items={[
        { value: "workspace", label: t("files.workspace") },
        { value: "changes", label: t("files.changes") },
        { value: "attachments", label: t("files.attachments") },
      ]}
      className="h-full"
    >
      <TabPanel value="workspace" className="flex flex-col">
        {maySee ? (
          <WorkspaceView room={room} mayChange={rights.may("change_workspace") && !rights.isArchived} />
        ) : (
          <Note className="p-4">{t("files.mayNotSee")}</Note>
        )}
      </TabPanel>
      <TabPanel value="changes" className="p-4">
        {maySee ? <ChangesView room={room} people={people} /> : <Note>{t("files.mayNotSee")}</Note>}
      </TabPanel>
      <TabPanel value="attachments" className="p-4">
        <AttachmentsView room={room} people={people} />
      </TabPanel>
    </Tabs>
  );
}

type Doing =
  | { readonly kind: "new"; readonly folder: string }
  | { readonly kind: "move"; readonly path: string }
  | { readonly kind: "delete"; readonly row: TreeRow };

function WorkspaceView({ room, mayChange }: { readonly room: RoomClient; readonly mayChange: boolean }) {
  const { t } = useTranslation();
  const { rest, limits } = useClient();
  const workspace = useWorkspace(room, true);
  const sendings = useSending(room);
  const [search, setSearch] = useSearchParams();
  const [doing, setDoing] = useState<Doing>();
  const [isNew, setNew] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const path = search.get("file") ?? undefined;
  const show = (next: string | undefined) =>
    setSearch((before) => {
      const params = new URLSearchParams(before);
      if (next === undefined) params.delete("file");
      else params.set("file", next);
      return params;
    });
  const download = (of: string) => {
    const link = document.createElement("a");
    link.href = rest.address("GET /api/v1/rooms/{room_id}/workspace/file", {
      places: { room_id: room.id },
      query: { path: of },
    });
    link.download = nameOf(of);
    link.click();
  };
  const close = () => setDoing(undefined);
  return (
    <>
      <div className="flex items-center gap-1 border-b border-line px-3 py-1.5">
        <span className="min-w-0 flex-1 truncate text-meta text-ink-3">
          {mayChange ? <span className="pointer-coarse:hidden">{t("files.dropHere")}</span> : t("files.readOnly")}
        </span>
        {mayChange && (
          <>
            <IconButton
              label={t("files.newFile")}
              icon={<FilePlus2 size={16} />}
              onClick={() => setDoing({ kind: "new", folder: "" })}
            />
            <IconButton label={t("common.upload")} icon={<Upload size={16} />} onClick={() => input.current?.click()} />
            <input
              ref={input}
              type="file"
              multiple
              hidden
              onChange={(event) => {
                sendings.add([...(event.target.files ?? [])], "");
                event.target.value = "";
              }}
            />
          </>
        )}
        <IconButton
          label={t("files.lookAgain")}
          icon={<RefreshCw size={16} className={workspace.isLooking ? "animate-turn" : ""} />}
          onClick={workspace.look}
        />
      </div>
      <SendingList
        sendings={sendings.all}
        most={limits.get().workspace_file_bytes}
        onReplace={sendings.replace}
        onForget={sendings.forget}
      />
      <Tree
        workspace={workspace}
        selected={path}
        mayChange={mayChange}
        onOpen={(of) => {
          setNew(false);
          show(of);
        }}
        onNew={(folder) => setDoing({ kind: "new", folder })}
        onMove={(of) => setDoing({ kind: "move", path: of })}
        onDelete={(row) => setDoing({ kind: "delete", row })}
        onDownload={download}
        onDrop={sendings.add}
      />
      {workspace.listing !== undefined && (
        <div className="border-t border-line p-4">
          <Fullness listing={workspace.listing} />
        </div>
      )}
      {path !== undefined && (
        <FileWindow
          key={path}
          room={room}
          path={path}
          mayChange={mayChange}
          isEditing={isNew}
          onClose={() => {
            setNew(false);
            show(undefined);
          }}
        />
      )}
      {doing?.kind === "new" && (
        <NewFile
          room={room}
          folder={doing.folder}
          onClose={close}
          onMade={(made) => {
            workspace.reveal(made);
            setNew(true);
            show(made);
          }}
        />
      )}
      {doing?.kind === "move" && (
        <MoveFile
          room={room}
          path={doing.path}
          onClose={close}
          onMoved={(from, to) => {
            workspace.reveal(to);
            if (path !== undefined && isWithin(path, from)) show(to + path.slice(from.length));
          }}
        />
      )}
      {doing?.kind === "delete" && (
        <DeleteFile
          room={room}
          row={doing.row}
          onClose={close}
          onDeleted={(gone) => {
            if (path !== undefined && isWithin(path, gone)) show(undefined);
          }}
        />
      )}
    </>
  );
}
