/** Files that come to the composer by the button, dropped on the room, or pasted. */

import type { ClipboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { toast } from "../../ui/Toast";
import { MOST_FILES, type Uploads } from "./uploads";
import { type Dropped, sorted, useDrop } from "./useDrop";

export interface Attaching {
  /** Files are held over the room. */
  readonly isOver: boolean;
  readonly attach: (dropped: Dropped) => void;
  readonly paste: (event: ClipboardEvent<HTMLTextAreaElement>) => void;
}

export function useAttaching(uploads: Uploads, mayAttach: boolean, longest: number, onAttached: () => void): Attaching {
  const { t } = useTranslation();
  const attach = ({ files, folders }: Dropped) => {
    if (files.length + folders.length === 0) return;
    if (!mayAttach) return toast(t("composer.files.notAllowed"), { tone: "danger" });
    for (const folder of folders) uploads.refuse(folder, t("composer.files.folder"));
    const over = uploads.add(files);
    if (over > 0) toast(t("composer.files.more", { count: over, most: MOST_FILES }), { tone: "danger" });
    onAttached();
  };
  const paste = (event: ClipboardEvent<HTMLTextAreaElement>) => {
    const words = event.clipboardData.getData("text/plain");
    if (words.length > longest && mayAttach) {
      event.preventDefault();
      attach({ files: [new File([words], t("composer.pastedName"), { type: "text/plain" })], folders: [] });
      return toast(t("composer.pastedFile"));
    }
    // Office programs put a picture of the text beside it: the text is meant.
    if (words !== "" || event.clipboardData.files.length === 0) return;
    event.preventDefault();
    attach(sorted(event.clipboardData));
  };
  return { isOver: useDrop(attach, true), attach, paste };
}
