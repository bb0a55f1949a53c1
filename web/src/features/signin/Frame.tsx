/** The quiet page around everything before the rooms: the mark, one card, the language. */

import { MessagesSquare } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Select } from "../../ui/Field";
import { i18n, type Language, languages, setLanguage } from "../../ui/i18n";

export function Frame({ children }: { readonly children: ReactNode }) {
  const { t } = useTranslation();
  const language: Language = i18n.resolvedLanguage === "zh" ? "zh" : "en";
  return (
    <main className="flex min-h-dvh flex-col items-center bg-app px-4 pt-[max(3rem,12vh)] pb-[max(1.5rem,env(safe-area-inset-bottom))]">
      <div className="mb-8 flex flex-col items-center text-center">
        <span
          aria-hidden="true"
          className="mb-4 inline-flex size-12 items-center justify-center rounded-card bg-accent text-accent-ink"
        >
          <MessagesSquare size={24} />
        </span>
        <p className="text-display font-semibold tracking-tight">Multiplayer</p>
        <p className="mt-1 text-small text-ink-2">{t("signin.tagline")}</p>
      </div>
      <div className="w-full max-w-sm rounded-card border border-line bg-surface p-6 shadow-raised sm:p-8">
        {children}
      </div>
      <div className="mt-auto w-36 pt-8">
        <Select
          aria-label={t("signin.language")}
          value={language}
          onChange={(value) => void setLanguage(value)}
          options={languages}
        />
      </div>
    </main>
  );
}

/** Something is under way; nothing is asked. */
export function Waiting({ words }: { readonly words: string }) {
  return (
    <div role="status" className="py-6 text-center text-small text-ink-2">
      <h1>{words}</h1>
    </div>
  );
}
