/** A window over the page that takes the focus until it is closed. */

import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "./classes";
import { keepOpen } from "./escape";
import { focusFirst } from "./firstFocus";
import { useFocusBack } from "./focusBack";
import { IconButton } from "./IconButton";

export interface DialogProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
  readonly title: string;
  readonly description?: ReactNode;
  /** Buttons, the one that does it last. */
  readonly footer?: ReactNode;
  readonly size?: "sm" | "md" | "lg" | "xl";
  /** As high as it may be, whatever it holds: what it shows changes and its parts stay where they are. */
  readonly isTall?: boolean;
  /** Hides the title line; it is still the window's name. */
  readonly isBare?: boolean;
  readonly children?: ReactNode;
}

const widths = { sm: "max-w-sm", md: "max-w-lg", lg: "max-w-3xl", xl: "max-w-5xl" } as const;

export function Dialog({
  isOpen,
  onOpenChange,
  title,
  description,
  footer,
  size = "md",
  isTall = false,
  isBare = false,
  children,
}: DialogProps) {
  const { t } = useTranslation();
  const focusBack = useFocusBack(isOpen);
  return (
    <Radix.Root open={isOpen} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 grid animate-appear place-items-center overflow-y-auto bg-scrim p-4 max-sm:place-items-end max-sm:p-0">
          <Radix.Content
            onOpenAutoFocus={focusFirst}
            onCloseAutoFocus={focusBack}
            onEscapeKeyDown={keepOpen}
            {...(description === undefined ? { "aria-describedby": undefined } : {})}
            className={classes(
              "relative flex max-h-[min(44rem,calc(100dvh-2rem))] w-full animate-rise flex-col overflow-hidden rounded-card border border-line bg-surface shadow-float",
              "outline-none max-sm:max-w-none max-sm:rounded-b-none max-sm:pb-[env(safe-area-inset-bottom)]",
              widths[size],
              isTall && "h-[44rem]",
            )}
          >
            <div className={isBare ? "sr-only" : "px-6 pt-5 pr-14 pb-1"}>
              <Radix.Title className="text-title font-semibold text-ink">{title}</Radix.Title>
              {description !== undefined && (
                <Radix.Description className="mt-1 text-small text-ink-2">{description}</Radix.Description>
              )}
            </div>
            <div
              className={classes("min-h-0 overflow-y-auto", isTall && "flex-1", !isBare && "px-6 pt-3 pb-5 empty:pt-0")}
            >
              {children}
            </div>
            {footer !== undefined && (
              <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line bg-sunken px-6 py-3">
                {footer}
              </div>
            )}
            {!isBare && (
              <Radix.Close asChild>
                <IconButton
                  data-closes=""
                  label={t("common.close")}
                  icon={<X size={18} />}
                  className="absolute top-3.5 right-3.5"
                />
              </Radix.Close>
            )}
          </Radix.Content>
        </Radix.Overlay>
      </Radix.Portal>
    </Radix.Root>
  );
}
