/** The panes beside the room, in the order of their tabs; each is loaded when it is first opened. */

import { BookOpenText, ChartColumn, FolderTree, SquareTerminal, Users } from "lucide-react";
import { type ComponentType, type LazyExoticComponent, lazy } from "react";

export type PaneName = "context" | "members" | "files" | "terminal" | "usage";

export interface PaneEntry {
  readonly name: PaneName;
  readonly icon: ComponentType<{ readonly size?: number; readonly "aria-hidden"?: "true" }>;
  readonly view: LazyExoticComponent<ComponentType<{ readonly roomId: string }>>;
}

export const panes: readonly PaneEntry[] = [
  {
    name: "context",
    icon: BookOpenText,
    view: lazy(() => import("../context/ContextPane").then((part) => ({ default: part.ContextPane }))),
  },
  {
    name: "members",
    icon: Users,
    view: lazy(() => import("../members/MembersPane").then((part) => ({ default: part.MembersPane }))),
  },
  {
    name: "files",
    icon: FolderTree,
    view: lazy(() => import("../files/FilesPane").then((part) => ({ default: part.FilesPane }))),
  },
  {
    name: "terminal",
    icon: SquareTerminal,
    view: lazy(() => import("../terminal/TerminalPane").then((part) => ({ default: part.TerminalPane }))),
  },
  {
    name: "usage",
    icon: ChartColumn,
    view: lazy(() => import("../usage/UsagePane").then((part) => ({ default: part.UsagePane }))),
  },
];
