/** All emoji, to look through and to search by name. */

import { EmojiPicker as Picker } from "frimousse";
import { useTranslation } from "react-i18next";
import { Loading } from "../sections";
import { COMMON, emojiData } from "./emojiData";

export function EmojiPicker({ onPick }: { readonly onPick: (emoji: string) => void }) {
  const { t, i18n } = useTranslation();
  return (
    <Picker.Root
      locale={i18n.resolvedLanguage === "zh" ? "zh" : "en"}
      resolveEmojiData={emojiData}
      columns={8}
      onEmojiSelect={({ emoji }) => onPick(emoji)}
      className="flex h-80 w-72 flex-col"
    >
      <Picker.Search
        autoFocus
        aria-label={t("timeline.searchEmoji")}
        placeholder={t("timeline.searchEmoji")}
        className="h-9 w-full rounded-button border border-line-strong bg-surface px-3 text-[0.875rem] text-ink pointer-coarse:text-base"
      />
      <fieldset aria-label={t("timeline.commonEmoji")} className="mt-2 flex">
        {COMMON.map((emoji) => (
          <button
            key={emoji}
            type="button"
            aria-label={emoji}
            onClick={() => onPick(emoji)}
            className="flex size-8 flex-1 items-center justify-center rounded-button text-[1.25rem] hover:bg-hover pointer-coarse:size-11"
          >
            {emoji}
          </button>
        ))}
      </fieldset>
      <Picker.Viewport className="relative mt-2 min-h-0 flex-1 overflow-y-auto outline-none">
        <Picker.Loading>
          <Loading lines={5} />
        </Picker.Loading>
        <Picker.Empty>
          <span className="block px-2 py-6 text-center text-small text-ink-3">{t("timeline.noEmoji")}</span>
        </Picker.Empty>
        <Picker.List
          className="pb-1 select-none"
          components={{
            CategoryHeader: ({ category, ...props }) => (
              <div {...props} className="bg-surface px-1 py-1.5 text-meta font-medium text-ink-3">
                {category.label}
              </div>
            ),
            Row: ({ children, ...props }) => <div {...props}>{children}</div>,
            Emoji: ({ emoji, ...props }) => (
              <button
                {...props}
                aria-label={emoji.label}
                className="flex size-8 items-center justify-center rounded-button text-[1.25rem] data-[active]:bg-hover"
              >
                {emoji.emoji}
              </button>
            ),
          }}
        />
      </Picker.Viewport>
    </Picker.Root>
  );
}
