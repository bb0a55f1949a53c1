/** A small pane that opens beside what was pressed, and holds more than a list of things to do. It is fetched when first wanted. */

import type { ReactElement, ReactNode } from "react";
import { OpenedLater, type TriggerProps } from "./OpenedLater";
import { part } from "./parts";

const pane = part(() => import("./PopoverPane"));

export interface PopoverProps {
  readonly trigger: ReactElement<TriggerProps>;
  /** The name of the pane. */
  readonly label: string;
  readonly align?: "start" | "center" | "end";
  readonly side?: "top" | "right" | "bottom" | "left";
  readonly isOpen?: boolean;
  readonly onOpenChange?: (isOpen: boolean) => void;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Popover(props: PopoverProps) {
  return (
    <OpenedLater {...props} part={pane} opens="dialog">
      {({ Popover: Opened }, trigger) => <Opened {...props} trigger={trigger} />}
    </OpenedLater>
  );
}
