/** Files that are dropped anywhere on the room go to its composer, or to that of the thread that is open. */

import { useEffect, useRef, useState } from "react";

export interface Dropped {
  readonly files: readonly File[];
  /** Folders: a browser hands them out as files that cannot be read. */
  readonly folders: readonly File[];
}

/** The composers that take files, the newest last: it alone does. */
const takers: symbol[] = [];

/** True while files are held over the page. Whoever takes a drop for itself calls `preventDefault` first. */
export function useDrop(onDrop: (dropped: Dropped) => void, isOn: boolean): boolean {
  const [isOver, setOver] = useState(false);
  const latest = useRef(onDrop);
  latest.current = onDrop;
  useEffect(() => {
    if (!isOn) return;
    const me = Symbol("composer");
    takers.push(me);
    const isMine = (event: DragEvent) =>
      takers.at(-1) === me &&
      !event.defaultPrevented &&
      event.dataTransfer?.types.includes("Files") === true &&
      !(event.target instanceof Element && event.target.closest("[role=dialog]:not([data-drops])") !== null);
    const over = (event: DragEvent) => {
      const mine = isMine(event);
      setOver(mine);
      if (!mine) return;
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "copy";
    };
    const leave = (event: DragEvent) => {
      // It left the window, not only one thing for another.
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (!isMine(event) || event.dataTransfer === null) return;
      event.preventDefault();
      latest.current(sorted(event.dataTransfer));
    };
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    return () => {
      takers.splice(takers.indexOf(me), 1);
      setOver(false);
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
    };
  }, [isOn]);
  return isOver;
}

export function sorted(data: DataTransfer): Dropped {
  const files: File[] = [];
  const folders: File[] = [];
  for (const item of data.items) {
    const file = item.kind === "file" ? item.getAsFile() : null;
    if (file === null) continue;
    (item.webkitGetAsEntry?.()?.isDirectory === true ? folders : files).push(file);
  }
  return { files, folders };
}
