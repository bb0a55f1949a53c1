/** Asks once more before something that cannot easily be undone. */

import type { ReactNode } from "react";
import { later } from "./Later";

export interface ConfirmProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly title: string;
  /** What will happen, in a sentence. */
  readonly description?: ReactNode;
  /** What the button says: the verb, not "OK". */
  readonly action: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
  /** The window closes when it resolves; the sentence of what it rejects with is shown. */
  readonly onConfirm: () => Promise<unknown> | undefined;
  readonly children?: ReactNode;
}

export const Confirm = later<ConfirmProps>(() => import("./ConfirmWindow").then((part) => part.ConfirmWindow), {
  isOver: true,
});
