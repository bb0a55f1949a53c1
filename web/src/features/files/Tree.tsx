/** The workspace as a tree: folders open with arrow keys or a press, files open beside it, rows take dropped files. */

import { ChevronRight, File, FileQuestion, Folder, FolderOpen, Link2, MoreHorizontal } from "lucide-react";
import { type DragEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "../../ui/classes";
import { IconButton } from "../../ui/IconButton";
import { formatBytes } from "../../ui/i18n/format";
import { Menu, MenuItem, MenuSeparator } from "../../ui/Menu";
import { Skeleton } from "../../ui/Skeleton";
import { parentOf } from "./paths";
import { isRow, linesOf, stepFrom, type TreeNote, type TreeRow } from "./tree";
import type { Workspace } from "./useWorkspace";

export interface TreeActions {
  readonly onOpen: (path: string) => void;
  readonly onNew: (folder: string) => void;
  readonly onMove: (path: string) => void;
  readonly onDelete: (row: TreeRow) => void;
  readonly onDownload: (path: string) => void;
  readonly onDrop: (files: readonly File[], folder: string) => void;
}

export interface TreeProps extends TreeActions {
  readonly workspace: Workspace;
  readonly selected: string | undefined;
  readonly mayChange: boolean;
}

export function Tree({ workspace, selected, mayChange, ...actions }: TreeProps) {
  const { t } = useTranslation();
  const lines = linesOf(workspace.folders, workspace.open);
  const rows = lines.filter(isRow);
  const [current, setCurrent] = useState<string>();
  const [over, setOver] = useState<string>();
  const tree = useRef<HTMLDivElement>(null);
  const wanted = useRef<string>(undefined);
  const active = rows.find((row) => row.path === current) ?? rows.find((row) => row.path === selected) ?? rows[0];

  useEffect(() => {
    if (wanted.current === undefined) return;
    const path = wanted.current;
    wanted.current = undefined;
    for (const row of tree.current?.querySelectorAll<HTMLElement>("[role=treeitem]") ?? []) {
      if (row.dataset.path === path) row.focus();
    }
  });

  const press = (row: TreeRow) => {
    setCurrent(row.path);
    if (row.kind === "folder") workspace.setOpen(row.path, !row.isOpen);
    else if (row.kind === "file") actions.onOpen(row.path);
  };
  const key = (event: KeyboardEvent, row: TreeRow) => {
    if (event.target !== event.currentTarget) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      press(row);
      return;
    }
    const step = stepFrom(lines, row.path, event.key);
    if (step === undefined) return;
    event.preventDefault();
    if (step === "open" || step === "close") workspace.setOpen(row.path, step === "open");
    else {
      wanted.current = step.to;
      setCurrent(step.to);
    }
  };
  const drop = (event: DragEvent, folder: string) => {
    event.preventDefault();
    event.stopPropagation();
    setOver(undefined);
    actions.onDrop([...event.dataTransfer.files], folder);
  };
  const dropProps = (folder: string) =>
    mayChange
      ? {
          onDragOver: (event: DragEvent) => {
            event.preventDefault();
            event.stopPropagation();
            setOver(folder);
          },
          onDrop: (event: DragEvent) => drop(event, folder),
        }
      : {};

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is only a further way to what the buttons do
    <div {...dropProps("")} onDragLeave={() => setOver(undefined)} className="min-h-24 flex-1">
      <div
        ref={tree}
        role="tree"
        aria-label={t("files.tree")}
        className={classes("p-1", over === "" && "bg-accent-soft")}
      >
        {lines.map((line) =>
          isRow(line) ? (
            <div
              key={line.path}
              role="treeitem"
              data-path={line.path}
              aria-level={line.level}
              aria-posinset={line.place}
              aria-setsize={line.siblings}
              aria-selected={line.path === selected}
              aria-expanded={line.kind === "folder" ? line.isOpen : undefined}
              tabIndex={line.path === active?.path ? 0 : -1}
              onFocus={() => setCurrent(line.path)}
              onClick={() => press(line)}
              onKeyDown={(event) => key(event, line)}
              {...dropProps(line.kind === "folder" ? line.path : parentOf(line.path))}
              className={classes(
                "group flex h-8 cursor-default items-center gap-1.5 rounded-button pr-1 text-small text-ink hover:bg-hover focus-visible:-outline-offset-2 pointer-coarse:h-11",
                line.path === selected && "bg-accent-soft",
                over === line.path && line.kind === "folder" && "bg-accent-soft",
              )}
              style={{ paddingLeft: `${line.level * 14 - 6}px` }}
            >
              <RowIcon row={line} />
              <bdi className="min-w-0 flex-1 truncate">{line.name}</bdi>
              {line.kind === "file" && (
                <span className="shrink-0 text-meta text-ink-3 tabular-nums">{formatBytes(line.size)}</span>
              )}
              <RowMenu row={line} mayChange={mayChange} isActive={line.path === active?.path} {...actions} />
            </div>
          ) : (
            <NoteLine key={`${line.path} ${line.note}`} note={line} />
          ),
        )}
      </div>
    </div>
  );
}

function RowIcon({ row }: { readonly row: TreeRow }) {
  if (row.kind === "folder") {
    const Icon = row.isOpen ? FolderOpen : Folder;
    return (
      <span aria-hidden="true" className="flex shrink-0 items-center gap-0.5 text-ink-3">
        <ChevronRight size={14} className={classes("transition-transform", row.isOpen && "rotate-90")} />
        <Icon size={16} className="text-accent" />
      </span>
    );
  }
  const Icon = row.kind === "link" ? Link2 : row.kind === "special" ? FileQuestion : File;
  return <Icon aria-hidden="true" size={16} className="ml-4 shrink-0 text-ink-3" />;
}

interface RowMenuProps extends TreeActions {
  readonly row: TreeRow;
  readonly mayChange: boolean;
  readonly isActive: boolean;
}

function RowMenu({ row, mayChange, isActive, onOpen, onNew, onMove, onDelete, onDownload }: RowMenuProps) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  if (!mayChange && row.kind !== "file") return <span className="w-7 shrink-0" />;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keeps presses in the menu from opening the row
    // biome-ignore lint/a11y/useKeyWithClickEvents: the same; keys are told apart by their target
    <span className="shrink-0" onClick={(event) => event.stopPropagation()}>
      <Menu
        isOpen={isOpen}
        onOpenChange={setOpen}
        trigger={
          <IconButton
            size="sm"
            tabIndex={isActive ? 0 : -1}
            label={t("files.actionsOf", { name: row.name })}
            icon={<MoreHorizontal size={14} />}
            className={classes(
              "pointer-coarse:opacity-100",
              !isOpen && !isActive && "opacity-0 group-hover:opacity-100 focus-visible:opacity-100",
            )}
          />
        }
      >
        {row.kind === "file" && <MenuItem onSelect={() => onOpen(row.path)}>{t("common.open")}</MenuItem>}
        {row.kind === "file" && <MenuItem onSelect={() => onDownload(row.path)}>{t("common.download")}</MenuItem>}
        {mayChange && row.kind === "folder" && (
          <MenuItem onSelect={() => onNew(row.path)}>{t("files.newFileHere")}</MenuItem>
        )}
        {mayChange && <MenuItem onSelect={() => onMove(row.path)}>{t("files.move")}</MenuItem>}
        {mayChange && <MenuSeparator />}
        {mayChange && (
          <MenuItem isDanger onSelect={() => onDelete(row)}>
            {t("common.delete")}
          </MenuItem>
        )}
      </Menu>
    </span>
  );
}

function NoteLine({ note }: { readonly note: TreeNote }) {
  const { t } = useTranslation();
  return (
    <div
      role="treeitem"
      aria-level={note.level}
      aria-selected={false}
      aria-disabled="true"
      tabIndex={-1}
      className="flex min-h-8 items-center pr-2 text-small text-ink-3"
      style={{ paddingLeft: `${note.level * 14 + 14}px` }}
    >
      {note.note === "loading" ? (
        <>
          <span className="sr-only">{t("common.loading")}</span>
          <Skeleton className="h-3 w-32" />
        </>
      ) : note.note === "refused" ? (
        note.text
      ) : (
        t(note.note === "empty" ? (note.path === "" ? "files.emptyWorkspace" : "files.emptyFolder") : "files.cutFolder")
      )}
    </div>
  );
}
