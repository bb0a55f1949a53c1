/** A block of code: its language, a button that copies it, and colours once they are loaded. */

import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { classes } from "../../../ui/classes";
import { copyText } from "../../../ui/copying";
import { IconButton } from "../../../ui/IconButton";
import { useColoured } from "../../../ui/useColoured";

/** More is shown plain: a room may have many, and they are coloured while it is read. */
const MOST_COLOURED = 30_000;
const COPIED_MS = 2_000;

export interface CodeBlockProps {
  readonly code: string;
  readonly language: string | undefined;
  /** It is still being written: colours wait for its end. */
  readonly isGrowing?: boolean;
  readonly hasCaret?: boolean;
}

export function CodeBlock({ code, language, isGrowing = false, hasCaret = false }: CodeBlockProps) {
  const { t } = useTranslation();
  const coloured = useColoured(code, isGrowing || code.length > MOST_COLOURED ? undefined : language);
  return (
    <div className="group/code relative overflow-hidden rounded-button border border-line bg-sunken">
      <div className="flex h-8 items-center justify-between pr-1 pl-3 pointer-coarse:h-11">
        <span className="text-meta text-ink-3">{language ?? t("timeline.code")}</span>
        <CopyButton text={code} label={t("timeline.copyCode")} />
      </div>
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        dir="ltr"
        className="overflow-x-auto px-3 pb-3 text-mono text-ink focus-visible:-outline-offset-2"
      >
        <code>
          {coloured ?? code}
          {hasCaret && <Caret />}
        </code>
      </pre>
    </div>
  );
}

export function CopyButton({
  text,
  label,
  className,
}: {
  readonly text: string;
  readonly label: string;
  readonly className?: string;
}) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = window.setTimeout(() => setCopied(false), COPIED_MS);
    return () => window.clearTimeout(timer);
  }, [isCopied]);
  return (
    <IconButton
      size="sm"
      label={isCopied ? t("common.copied") : label}
      icon={isCopied ? <Check size={15} className="text-ok" /> : <Copy size={15} />}
      className={className}
      onClick={() => {
        copyText(text).then(
          () => setCopied(true),
          () => setCopied(false),
        );
      }}
    />
  );
}

/** Where the next words will stand. */
export function Caret({ className }: { readonly className?: string }) {
  return (
    <span
      aria-hidden="true"
      data-caret=""
      className={classes("ml-px inline-block h-[1.05em] w-0.5 animate-breathe bg-ai align-text-bottom", className)}
    />
  );
}
