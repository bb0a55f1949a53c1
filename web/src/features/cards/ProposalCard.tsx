/** What an AI would like the room to remember or to forget: nothing happens until a member agrees. */

import { BookmarkMinus, BookmarkPlus } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ChangeProposed } from "../../protocol/wire";
import { mayHere } from "../../room/rights";
import { Button } from "../../ui/Button";
import { visible } from "../../ui/visible";
import { useAct } from "../answers";
import { useRoomState } from "../hooks";
import { useHere } from "./RoomHere";

export function ProposalCard({ event }: { readonly event: ChangeProposed }) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const { run, isBusy } = useAct();
  const { proposal } = event;
  const isOpen = useRoomState(room, (state) => state.proposals.some((one) => one.id === proposal.id)) ?? false;
  const isTaken = useRoomState(room, (state) =>
    state.notices.find((one) => one.type === "proposal_decided" && one.proposal_id === proposal.id),
  );
  const fact = useRoomState(room, (state) => state.facts.find((one) => one.id === proposal.fact_id)?.text);
  const canDecide = useRoomState(room, (state) => mayHere(state, meId, "edit_summary")) ?? false;
  const forgets = proposal.fact_id !== undefined;
  const state = isOpen
    ? t("cards.proposal.open")
    : isTaken?.type === "proposal_decided"
      ? t(isTaken.is_accepted ? "cards.proposal.taken" : "cards.proposal.dropped", {
          who: people.name(isTaken.actor_id),
        })
      : t("cards.proposal.over");
  const decide = (isAccepted: boolean) =>
    void run(() => room.ask({ type: "decide_proposal", proposal_id: proposal.id, is_accepted: isAccepted }));
  const what = t(forgets ? "cards.proposal.forget" : "cards.proposal.remember", { ai: people.name(proposal.by) });
  const words = forgets && proposal.text === "" ? (fact ?? "") : proposal.text;
  const Icon = forgets ? BookmarkMinus : BookmarkPlus;
  return (
    <section
      aria-label={`${what}: ${state}`}
      className={
        isOpen
          ? "rounded-card border border-warn-line bg-warn-soft p-3"
          : "rounded-card border border-line bg-sunken p-3"
      }
    >
      <p className="flex items-center gap-2.5 text-small font-medium text-ink">
        <Icon aria-hidden="true" size={16} className={isOpen ? "shrink-0 text-warn" : "shrink-0 text-ink-3"} />
        {what}
      </p>
      {event.is_redacted === true || words === "" ? (
        <p className="mt-1.5 text-small text-ink-3">{t("cards.redacted")}</p>
      ) : (
        <blockquote
          dir="auto"
          className="mt-1.5 border-l-2 border-line-strong/50 pl-3 text-body text-ink wrap-anywhere"
        >
          {visible(words, true)}
        </blockquote>
      )}
      {(proposal.taint?.length ?? 0) > 0 && <p className="mt-1.5 text-small text-warn">{t("cards.tainted")}</p>}
      {isOpen && canDecide ? (
        <div className="mt-3 flex flex-wrap gap-2">
          <Button variant="primary" size="sm" disabled={isBusy} onClick={() => decide(true)}>
            {t(forgets ? "cards.proposal.doForget" : "cards.proposal.doRemember")}
          </Button>
          <Button size="sm" disabled={isBusy} onClick={() => decide(false)}>
            {t("cards.proposal.drop")}
          </Button>
        </div>
      ) : (
        <p className="mt-1.5 text-meta text-ink-3">{state}</p>
      )}
    </section>
  );
}
