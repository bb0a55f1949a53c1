/** A list of things to do that opens from a button. The button is here at once, the list is fetched when it is first wanted. */

import type { ReactElement, ReactNode } from "react";
import { OpenedLater, type TriggerProps } from "./OpenedLater";
import { part } from "./parts";

const list = part(() => import("./MenuList"));

export interface MenuProps {
  /** One button; it is given what opens the menu. */
  readonly trigger: ReactElement<TriggerProps>;
  readonly align?: "start" | "center" | "end";
  readonly side?: "top" | "right" | "bottom" | "left";
  readonly isOpen?: boolean;
  readonly onOpenChange?: (isOpen: boolean) => void;
  readonly children: ReactNode;
}

export function Menu(props: MenuProps) {
  return (
    <OpenedLater {...props} part={list} opens="menu">
      {({ Menu: Opened }, trigger) => <Opened {...props} trigger={trigger} />}
    </OpenedLater>
  );
}

/** What stands in an open menu is painted when the list is there. */
function fetched(): typeof import("./MenuList") {
  const now = list.get();
  if (now.is !== "here") throw new Error("a part of a menu stands outside a menu");
  return now.value;
}

export interface MenuItemProps {
  readonly icon?: ReactNode;
  readonly shortcut?: string;
  readonly isDanger?: boolean;
  readonly isDisabled?: boolean;
  readonly onSelect: () => void;
  readonly children: ReactNode;
}

export function MenuItem(props: MenuItemProps) {
  const { MenuItem: Item } = fetched();
  return <Item {...props} />;
}

export interface MenuRadioProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly { readonly value: Value; readonly label: ReactNode; readonly hint?: ReactNode }[];
}

/** One of several, as a part of the menu. */
export function MenuRadio<Value extends string>(props: MenuRadioProps<Value>) {
  const { MenuRadio: Radio } = fetched();
  return <Radio {...props} />;
}

export interface MenuSubProps {
  readonly label: ReactNode;
  readonly icon?: ReactNode;
  readonly children: ReactNode;
}

export function MenuSub(props: MenuSubProps) {
  const { MenuSub: Sub } = fetched();
  return <Sub {...props} />;
}

export function MenuLabel(props: { readonly children: ReactNode }) {
  const { MenuLabel: Label } = fetched();
  return <Label {...props} />;
}

export function MenuSeparator() {
  const { MenuSeparator: Separator } = fetched();
  return <Separator />;
}
