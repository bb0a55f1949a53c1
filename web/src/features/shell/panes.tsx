/** The panes beside the room, in the order of their tabs; each is loaded when it is first opened. */

import { BookOpenText, ChartColumn, FolderTree, SquareTerminal, Users } from "lucide-react";
import type { ComponentType } from "react";
import { type LaterView, later } from "../../ui/Later";
import { Loading } from "../sections";

export type PaneName = "context" | "members" | "files" | "terminal" | "usage";

export interface PaneEntry {
  readonly name: PaneName;
  readonly icon: ComponentType<{ readonly size?: number; readonly "aria-hidden"?: "true" }>;
  readonly view: LaterView<{ readonly roomId: string }>;
}

const meanwhile = (
  <div className="p-4">
    <Loading lines={5} />
  </div>
);

export const panes: readonly PaneEntry[] = [
  {
    name: "context",
    icon: BookOpenText,
    view: later(() => import("../context/ContextPane").then((part) => part.ContextPane), {
      words: ["context"],
      meanwhile,
    }),
  },
  {
    name: "members",
    icon: Users,
    view: later(() => import("../members/MembersPane").then((part) => part.MembersPane), {
      words: ["members"],
      meanwhile,
    }),
  },
  {
    name: "files",
    icon: FolderTree,
    view: later(() => import("../files/FilesPane").then((part) => part.FilesPane), { words: ["files"], meanwhile }),
  },
  {
    name: "terminal",
    icon: SquareTerminal,
    view: later(() => import("../terminal/TerminalPane").then((part) => part.TerminalPane), {
      words: ["terminal"],
      meanwhile,
    }),
  },
  {
    name: "usage",
    icon: ChartColumn,
    view: later(() => import("../usage/UsagePane").then((part) => part.UsagePane), { words: ["usage"], meanwhile }),
  },
];
