/** Covers the room while files are held over it, and says what letting go of them does. */

import { FileUp } from "lucide-react";
import { createPortal } from "react-dom";
import { useTranslation } from "react-i18next";

export function DropHere({ into }: { readonly into: string }) {
  const { t } = useTranslation();
  return createPortal(
    <div role="status" className="pointer-events-none fixed inset-0 z-40 animate-appear bg-scrim p-4">
      <div className="flex size-full flex-col items-center justify-center gap-3 rounded-composer border-2 border-dashed border-accent bg-surface/90 text-center">
        <FileUp aria-hidden="true" size={32} className="text-accent" />
        <p className="text-title font-semibold">{t("composer.files.drop", { room: into })}</p>
      </div>
    </div>,
    document.body,
  );
}
