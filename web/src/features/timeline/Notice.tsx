/** What happened in the room beside messages and calls, in a line. */

import { memo } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { Event, MemberJoined } from "../../protocol/wire";
import { formatList } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/visible";
import { useHere } from "../cards/RoomHere";
import { ChangedFiles, ProposalCard } from "./fetched";
import { isolated } from "./names";

export interface NoticeProps {
  readonly event: Event;
  /** Those of its kind that are told with it. */
  readonly also?: readonly Event[] | undefined;
}

export const Notice = memo(function Notice({ event, also = NONE }: NoticeProps) {
  const { roomId } = useHere();
  const words = useNoticeWords(event, also);
  if (event.type === "change_proposed") return <ProposalCard event={event} />;
  return (
    <div className="flex flex-col gap-2">
      <p className="flex flex-wrap items-baseline gap-x-2 text-small text-ink-3">
        <span className="min-w-0 wrap-anywhere">
          {event.type === "message_pinned" ? (
            <Link href={`/r/${roomId}/m/${event.message_id}`} className="text-ink-3 underline underline-offset-2">
              {words}
            </Link>
          ) : (
            words
          )}
        </span>
        <Time at={event.at} className="text-meta" />
      </p>
      {event.type === "files_changed" && (
        <div className="rounded-card border border-line bg-sunken px-3 py-2.5">
          <ChangedFiles changed={event} />
        </div>
      )}
    </div>
  );
});

const NONE: readonly Event[] = [];
/** So many names are read in a line. */
const MOST_NAMED = 5;

/** The line's words; empty for what has a card of its own. */
function useNoticeWords(event: Event, also: readonly Event[]): string {
  const { t } = useTranslation();
  const { people } = useHere();
  const name = (id: string) => isolated(people.name(id));
  const who = name(event.actor_id);
  const joined = ({ member }: MemberJoined) =>
    people.member(member.account_id) === undefined ? isolated(member.display_name) : name(member.account_id);
  switch (event.type) {
    case "room_created":
      return t("timeline.notices.roomCreated", { who });
    case "room_renamed":
      return t("timeline.notices.roomRenamed", { who, name: isolated(event.name) });
    case "topic_set":
      return event.topic === ""
        ? t("timeline.notices.topicRemoved", { who })
        : t("timeline.notices.topicSet", { who, topic: isolated(event.topic) });
    case "room_settings_set":
      return t("timeline.notices.settingsSet", { who });
    case "room_archived":
      return t(event.is_archived ? "timeline.notices.archived" : "timeline.notices.unarchived", { who });
    case "member_joined": {
      if (event.actor_id === event.member.account_id) return t("timeline.notices.joined", { who: joined(event) });
      const added = [event, ...also].flatMap((one) => (one.type === "member_joined" ? joined(one) : []));
      const more = added.length - MOST_NAMED;
      const member = formatList(
        more > 1 ? [...added.slice(0, MOST_NAMED), t("timeline.notices.others", { count: more })] : added,
      );
      return t("timeline.notices.added", { who, member });
    }
    case "member_left":
      return t("timeline.notices.left", { who: name(event.account_id) });
    case "member_removed": {
      const member = name(event.account_id);
      if (event.is_expired) return t("timeline.notices.memberExpired", { member });
      return t(event.is_banned ? "timeline.notices.banned" : "timeline.notices.removed", { who, member });
    }
    case "ban_lifted":
      return t("timeline.notices.banLifted", { who, member: name(event.account_id) });
    case "role_changed": {
      const role = event.role === "ai" ? t("common.ai") : t(`common.roles.${event.role}`);
      return t("timeline.notices.roleChanged", { who, member: name(event.account_id), role });
    }
    case "message_pinned":
      return t("timeline.notices.pinned", { who });
    case "model_changed":
      return t("timeline.notices.modelChanged", { who, model: isolated(event.model), reason: visible(event.reason) });
    case "turn_ended":
      return t(ends[event.outcome], { ai: name(event.ai_id), reason: visible(event.reason) });
    case "files_changed":
      return t("timeline.notices.filesChanged", { who });
    case "turn_undone":
      return event.is_ok
        ? t("timeline.notices.undone", { who })
        : t("timeline.notices.notUndone", { who, reason: visible(event.reason ?? "") });
    case "proposal_decided":
      return t(event.is_accepted ? "timeline.notices.proposalTaken" : "timeline.notices.proposalDropped", { who });
    case "fact_pinned":
      return event.is_redacted
        ? t("timeline.notices.factGone", { who })
        : t("timeline.notices.factPinned", { who, fact: isolated(event.fact.text) });
    case "summary_updated":
      return t("timeline.notices.summaryEdited", { who: name(event.edited_by ?? event.actor_id) });
    case "budget_set":
      return t("timeline.notices.budgetSet", { who });
    default:
      return "";
  }
}

const ends = {
  done: "timeline.notices.turnDone",
  stopped: "timeline.notices.turnStopped",
  interrupted: "timeline.notices.turnInterrupted",
  refused: "timeline.notices.turnRefused",
  failed: "timeline.notices.turnFailed",
} as const;
