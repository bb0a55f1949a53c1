/** The list above the field: names after an `@`, commands after a `/`. The field keeps the focus and points into it. */

import { AtSign, Bot, FileText, Folder, Sparkle, Users } from "lucide-react";
import { type ReactNode, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { classes } from "../../ui/classes";
import type { Mentionable } from "./mentions";
import type { SlashCommand } from "./slash";
import { type FileHit, keyOf, optionId, type Suggestion } from "./suggestion";

export interface SuggestionsProps {
  readonly listId: string;
  readonly label: string;
  readonly items: readonly Suggestion[];
  readonly chosen: number;
  readonly onChoose: (place: number) => void;
  readonly onTake: (suggestion: Suggestion) => void;
  /** Where it stands, if not over the page above the field. */
  readonly className?: string;
}

const FLOATING =
  "absolute bottom-full left-0 z-20 mb-2 max-h-[min(20rem,50dvh)] w-full max-w-lg animate-rise rounded-card shadow-float";

export function Suggestions(props: SuggestionsProps) {
  const { listId, label, items, chosen, onChoose, onTake, className = FLOATING } = props;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.children[chosen]?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <div
      ref={list}
      id={listId}
      role="listbox"
      aria-label={label}
      className={classes("overflow-y-auto border border-line bg-surface p-1", className)}
    >
      {items.map((item, place) => (
        // The field has the keys; this only hears the pointer.
        // biome-ignore lint/a11y/useKeyWithClickEvents: see above
        <div
          key={keyOf(item)}
          id={optionId(listId, place)}
          role="option"
          tabIndex={-1}
          aria-selected={place === chosen}
          onPointerMove={() => {
            if (place !== chosen) onChoose(place);
          }}
          // Else the field would lose the focus before the click.
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => onTake(item)}
          className={classes(
            "flex min-h-9 cursor-default items-center gap-2.5 rounded-button px-2 py-1 text-small pointer-coarse:min-h-11",
            place === chosen && "bg-hover",
          )}
        >
          {item.kind === "mention" && <MentionLine mention={item.mention} />}
          {item.kind === "file" && <FileLine file={item.file} />}
          {item.kind === "command" && <CommandLine command={item.command} />}
        </div>
      ))}
    </div>
  );
}

function MentionLine({ mention }: { readonly mention: Mentionable }) {
  const { t } = useTranslation();
  const isGroup = mention.kind === "group";
  const isAi = mention.kind === "ai" || mention.kind === "default_ai";
  let face: ReactNode;
  if (isGroup) {
    face = (
      <span aria-hidden="true" className="flex size-6 items-center justify-center rounded-full bg-hover text-ink-2">
        {mention.handle === "all" || mention.handle === "here" ? <Users size={14} /> : <AtSign size={14} />}
      </span>
    );
  } else face = <Avatar name={mention.name} seed={mention.key} isAi={isAi} size="sm" isOnline={mention.isOnline} />;
  const title = isGroup ? `@${mention.handle}` : mention.name;
  const beside = isGroup ? t(`composer.mentions.groups.${groupOf(mention.handle)}`) : `@${mention.handle}`;
  return (
    <>
      {face}
      <span className="flex min-w-0 flex-1 items-baseline gap-2">
        {/* Of those of one name the handle tells who is who: it is cut last. */}
        <bdi className={classes("truncate font-medium text-ink", isGroup ? "shrink-0" : "min-w-4 shrink-[999]")}>
          {title}
        </bdi>
        <span className="truncate text-meta text-ink-3">{beside}</span>
      </span>
      {isAi && (
        <Badge tone="ai" icon={<Sparkle aria-hidden="true" size={10} fill="currentColor" strokeWidth={1} />}>
          {t(mention.kind === "default_ai" ? "composer.mentions.defaultAi" : "composer.mentions.ai")}
        </Badge>
      )}
      {mention.kind === "bot" && (
        <Badge icon={<Bot aria-hidden="true" size={11} />}>{t("composer.mentions.bot")}</Badge>
      )}
      {mention.kind === "person" && mention.isOnline && (
        <span className="text-meta text-ok">{t("composer.mentions.here")}</span>
      )}
    </>
  );
}

function FileLine({ file: { path, isFolder } }: { readonly file: FileHit }) {
  const cut = path.lastIndexOf("/");
  return (
    <>
      <span aria-hidden="true" className="flex size-6 items-center justify-center text-ink-3">
        {isFolder ? <Folder size={16} /> : <FileText size={16} />}
      </span>
      <span className="flex min-w-0 flex-1 items-baseline gap-2">
        <bdi className="min-w-16 shrink truncate font-mono text-mono text-ink">
          {path.slice(cut + 1)}
          {isFolder && "/"}
        </bdi>
        {cut > 0 && <bdi className="truncate text-meta text-ink-3">{path.slice(0, cut)}</bdi>}
      </span>
    </>
  );
}

type Group = "all" | "here" | "owner" | "admin" | "member" | "guest";

function groupOf(handle: string): Group {
  return handle === "here" || handle === "owner" || handle === "admin" || handle === "member" || handle === "guest"
    ? handle
    : "all";
}

export function CommandLine({ command }: { readonly command: SlashCommand }) {
  const { t } = useTranslation();
  const words = command.words === "none" ? "" : t(`composer.commands.${command.name}.words`);
  return (
    <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-3">
      <span className="w-36 shrink-0 whitespace-nowrap sm:w-44">
        <span className="font-mono text-mono font-medium text-ink">/{command.name}</span>
        {words !== "" && <span className="ps-2 text-meta text-ink-3">{words}</span>}
      </span>
      <span className="min-w-0 flex-1 text-meta text-ink-2">{t(`composer.commands.${command.name}.does`)}</span>
    </span>
  );
}
