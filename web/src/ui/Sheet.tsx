/** A pane that slides over the page from a side, where there is no room beside it. */

import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "./classes";
import { keepOpen } from "./escape";
import { beginAt } from "./firstFocus";
import { useFocusBack } from "./focusBack";
import { IconButton } from "./IconButton";

export interface SheetProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly title: string;
  readonly side?: "left" | "right";
  /** The content draws its own head; the title is only the name. */
  readonly isBare?: boolean;
  /** Where the keyboard begins, as a selector; without it, at the first thing to press. */
  readonly begins?: string;
  readonly className?: string;
  readonly children?: ReactNode;
}

export function Sheet({
  isOpen,
  onOpenChange,
  title,
  side = "right",
  isBare = false,
  begins,
  className,
  children,
}: SheetProps) {
  const { t } = useTranslation();
  const focusBack = useFocusBack(isOpen);
  return (
    <Radix.Root open={isOpen} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-30 animate-appear bg-scrim" />
        <Radix.Content
          data-keys=""
          onCloseAutoFocus={focusBack}
          {...(begins === undefined ? {} : { onOpenAutoFocus: beginAt(begins) })}
          onEscapeKeyDown={keepOpen}
          aria-describedby={undefined}
          className={classes(
            "fixed inset-y-0 z-30 flex w-[min(24rem,100vw)] flex-col bg-surface shadow-float outline-none",
            "pt-[env(safe-area-inset-top)] pb-[env(safe-area-inset-bottom)]",
            side === "left" ? "left-0 animate-from-left border-r" : "right-0 animate-from-right border-l",
            className,
          )}
        >
          {isBare ? (
            <Radix.Title className="sr-only">{title}</Radix.Title>
          ) : (
            <div className="flex h-14 shrink-0 items-center justify-between gap-2 border-b border-line px-4">
              <Radix.Title className="truncate text-title font-semibold">{title}</Radix.Title>
              <Radix.Close asChild>
                <IconButton label={t("common.close")} icon={<X size={18} />} />
              </Radix.Close>
            </div>
          )}
          <div className="flex min-h-0 flex-1 flex-col">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
