/** A room's settings in a window over the room: one section at a time, each with its own address. */

import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link, useLocation } from "wouter";
import { Badge } from "../../ui/Badge";
import { buttonClass } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { Dialog } from "../../ui/Dialog";
import { Select } from "../../ui/Field";
import { useRoom, useRoomState } from "../hooks";
import { Loading } from "../sections";
import { type Rights, useRights } from "../useRights";
import { AiSection } from "./AiSection";
import { ApprovalsSection } from "./ApprovalsSection";
import { AuditSection } from "./AuditSection";
import { GeneralSection, type SectionProps } from "./GeneralSection";
import { Block } from "./layout";
import { RetentionSection } from "./RetentionSection";
import { ToolsSection } from "./ToolsSection";
import { TriggersSection } from "./TriggersSection";
import { WebhooksSection } from "./WebhooksSection";

const SECTIONS = [
  "general",
  "ai",
  "triggers",
  "tools",
  "approvals",
  "retention",
  "webhooks",
  "budget",
  "audit",
] as const;
type SectionName = (typeof SECTIONS)[number];

/** Sections that only some may read at all. */
function isOpen(section: SectionName, rights: Rights): boolean {
  if (section === "webhooks") return rights.may("webhooks");
  if (section === "audit") return rights.may("read_audit");
  if (section === "budget") return rights.may("see_usage");
  return true;
}

export function RoomSettings({ roomId, section }: { readonly roomId: string; readonly section: string }) {
  const { t } = useTranslation();
  const room = useRoom(roomId);
  const rights = useRights(room);
  const [, go] = useLocation();
  const name = useRoomState(room, (state) => state.room.name) ?? "";
  const top = useRef<HTMLDivElement>(null);
  const shown = SECTIONS.find((one) => one === section) ?? "general";
  const there = SECTIONS.filter((one) => isOpen(one, rights));
  const to = (one: SectionName) => `/r/${roomId}/settings/${one}`;
  const readsOnly = rights.role !== undefined && (!rights.may("settings") || rights.isArchived);
  // Another section begins at its top. Newer browsers answer with a promise, which is nothing to clean up by.
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever another one is shown
  useEffect(() => void top.current?.scrollIntoView({ block: "start" }), [shown]);
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) go(`/r/${roomId}`);
      }}
      title={t("settings.title")}
      description={
        <span className="flex flex-wrap items-center gap-2">
          <bdi>{name}</bdi>
          {readsOnly && <Badge>{rights.isArchived ? t("settings.isArchivedShort") : t("settings.readOnly")}</Badge>}
        </span>
      }
      size="xl"
      isTall
    >
      <div ref={top} className="flex scroll-mt-3 gap-6 max-md:flex-col max-md:gap-4">
        <nav aria-label={t("settings.sections")} className="sticky top-0 w-44 shrink-0 self-start max-md:hidden">
          <ul className="flex flex-col gap-0.5">
            {there.map((one) => (
              <li key={one}>
                <Link
                  href={to(one)}
                  replace
                  aria-current={one === shown ? "page" : undefined}
                  className={classes(
                    "flex min-h-8 items-center rounded-button px-3 text-[0.875rem] transition-colors",
                    one === shown
                      ? "bg-accent-soft font-medium text-accent"
                      : "text-ink-2 hover:bg-hover hover:text-ink",
                  )}
                >
                  {t(`settings.sectionNames.${one}`)}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <Select
          aria-label={t("settings.sections")}
          className="md:hidden"
          value={shown}
          options={there.map((value) => ({ value, label: t(`settings.sectionNames.${value}`) }))}
          onChange={(one) => go(to(one), { replace: true })}
        />
        <div className="flex min-w-0 flex-1 flex-col gap-4" key={shown}>
          {rights.role === undefined ? <Loading lines={5} /> : <Shown section={shown} room={room} rights={rights} />}
        </div>
      </div>
    </Dialog>
  );
}

function Shown({ section, room, rights }: SectionProps & { readonly section: SectionName }) {
  const { t } = useTranslation();
  switch (section) {
    case "general":
      return <GeneralSection room={room} rights={rights} />;
    case "ai":
      return <AiSection room={room} rights={rights} />;
    case "triggers":
      return <TriggersSection room={room} rights={rights} />;
    case "tools":
      return <ToolsSection room={room} rights={rights} />;
    case "approvals":
      return <ApprovalsSection room={room} rights={rights} />;
    case "retention":
      return <RetentionSection room={room} rights={rights} />;
    case "webhooks":
      return <WebhooksSection room={room} rights={rights} />;
    case "audit":
      return <AuditSection room={room} rights={rights} />;
    case "budget":
      return (
        <Block title={t("settings.sectionNames.budget")} hint={t("settings.budgetHint")}>
          <Link
            href={`/r/${room.id}?pane=usage${rights.may("set_budgets") ? "&budget=" : ""}`}
            className={buttonClass()}
          >
            {t("settings.toUsage")}
          </Link>
        </Block>
      );
  }
}
