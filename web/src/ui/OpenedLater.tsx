/** The button of a menu or of a small pane, before what it opens has been fetched. */

import {
  cloneElement,
  type KeyboardEvent,
  type MouseEvent,
  type ReactElement,
  type ReactNode,
  type Ref,
  useEffect,
  useRef,
  useState,
} from "react";
import { i18n } from "./i18n";
import { useFetched } from "./Later";
import type { Part } from "./parts";
import { toast } from "./Toast";

/** What a button has to take. */
export interface TriggerProps {
  readonly ref?: Ref<HTMLElement>;
  readonly "aria-haspopup"?: "menu" | "dialog";
  readonly "aria-expanded"?: boolean;
  readonly onClick?: (event: MouseEvent<HTMLElement>) => void;
  readonly onKeyDown?: (event: KeyboardEvent<HTMLElement>) => void;
  readonly onPointerEnter?: () => void;
  readonly onFocus?: () => void;
}

export interface OpenedLaterProps<T> {
  readonly part: Part<T>;
  readonly opens: "menu" | "dialog";
  readonly trigger: ReactElement<TriggerProps>;
  readonly isOpen?: boolean;
  readonly onOpenChange?: (isOpen: boolean) => void;
  /** The whole of it: its button, and what that opens. */
  readonly children: (fetched: T, trigger: ReactElement<TriggerProps>) => ReactNode;
}

type Press = "key" | "pointer";

export function OpenedLater<T>({ part, opens, trigger, isOpen = false, onOpenChange, children }: OpenedLaterProps<T>) {
  const fetched = useFetched(part);
  // The button is not exchanged under a pointer or a focus: only when it is pressed.
  const [isWhole, setWhole] = useState(fetched.is === "here");
  const button = useRef<HTMLElement>(null);
  const pressed = useRef<Press>(undefined);
  const [presses, setPresses] = useState(0);
  const isShown = (isWhole || isOpen) && fetched.is === "here";

  // biome-ignore lint/correctness/useExhaustiveDependencies: each press that had to wait opens it once
  useEffect(() => {
    if (!isShown) return;
    setWhole(true);
    // It was pressed before it could open. Pressed again in the same way: keys lead into a menu, a pointer does not.
    if (pressed.current !== undefined && button.current !== null) pressAgain(button.current, pressed.current, opens);
    pressed.current = undefined;
  }, [isShown, opens, presses]);

  useEffect(() => {
    if (isOpen && !isShown) void part.load().then(() => sayIfMissing(part, () => part.load(), onOpenChange));
  }, [isOpen, isShown, part, onOpenChange]);

  if (isShown && fetched.is === "here") return children(fetched.value, cloneElement(trigger, { ref: button }));

  const open = async (by: Press) => {
    await part.load();
    // What comes later by itself does not open before somebody's eyes: they press again.
    if (sayIfMissing(part, () => open(by))) return;
    pressed.current = by;
    setWhole(true);
    setPresses((before) => before + 1);
  };
  const prefetch = () => void part.prefetch();
  return cloneElement(trigger, {
    "aria-haspopup": opens,
    "aria-expanded": false,
    onPointerEnter: prefetch,
    onFocus: prefetch,
    onClick: (event) => void open(event.detail === 0 ? "key" : "pointer"),
    onKeyDown: (event) => {
      if (opens !== "menu" || event.key !== "ArrowDown") return;
      event.preventDefault();
      void open("key");
    },
  });
}

function pressAgain(button: HTMLElement, by: Press, opens: "menu" | "dialog"): void {
  button.focus({ preventScroll: true });
  if (opens === "dialog") button.click();
  else if (by === "key") button.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  else button.dispatchEvent(new PointerEvent("pointerdown", { button: 0, bubbles: true, cancelable: true }));
}

function sayIfMissing(part: Part<unknown>, retry: () => unknown, onOpenChange?: (isOpen: boolean) => void): boolean {
  if (part.get().is !== "missing") return false;
  onOpenChange?.(false);
  toast(i18n.t("common.notLoaded"), {
    tone: "danger",
    action: { label: i18n.t("common.retry"), onPress: () => void retry() },
  });
  return true;
}
