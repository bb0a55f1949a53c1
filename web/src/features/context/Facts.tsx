/** What the room's AIs always know: facts to pin and to forget, and what AIs propose to. */

import { Check, Pin, Plus, Trash2, X } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { TextArea } from "../../ui/Field";
import { IconButton } from "../../ui/IconButton";
import { Time } from "../../ui/Time";
import { useAct } from "../answers";
import { useRoomState } from "../hooks";
import { Name, type People } from "../people";
import { Note, Section } from "../sections";
import { SourceLinks } from "./MessageLinks";
import { Taints } from "./Taints";

const LONGEST = 500;

interface FactsProps {
  readonly room: RoomClient;
  readonly people: People;
  readonly mayEdit: boolean;
}

export function Facts({ room, people, mayEdit }: FactsProps) {
  const { t } = useTranslation();
  const facts = useRoomState(room, (state) => state.facts) ?? [];
  const { run, isBusy } = useAct();
  const [isAdding, setAdding] = useState(false);
  return (
    <Section
      title={t("context.facts")}
      actions={
        mayEdit &&
        !isAdding && (
          <Button
            size="sm"
            variant="ghost"
            icon={<Plus aria-hidden="true" size={14} />}
            onClick={() => setAdding(true)}
          >
            {t("context.pinFact")}
          </Button>
        )
      }
    >
      {isAdding && <NewFact room={room} onDone={() => setAdding(false)} />}
      {facts.length === 0 && !isAdding && <Note>{t("context.noFacts")}</Note>}
      <ul className="flex flex-col gap-3">
        {facts.map((fact) => (
          <li key={fact.id} className="group flex items-start gap-2">
            <Pin aria-hidden="true" size={14} className="mt-1 shrink-0 text-ink-3" />
            <div className="min-w-0 flex-1">
              <p dir="auto" className="text-small text-ink wrap-anywhere">
                {fact.text}
                <SourceLinks room={room} ids={fact.message_id === undefined ? undefined : [fact.message_id]} />
              </p>
              <p className="flex flex-wrap items-center gap-x-1.5 text-meta text-ink-3">
                <Name people={people} id={fact.by} /> · <Time at={fact.at} as="relative" />
                <Taints of={fact.taint} />
              </p>
            </div>
            {mayEdit && (
              <IconButton
                size="sm"
                label={t("context.forgetThis", { text: fact.text })}
                icon={<Trash2 size={14} />}
                disabled={isBusy}
                onClick={() => void run(() => room.ask({ type: "forget_fact", fact_id: fact.id }))}
              />
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

function NewFact({ room, onDone }: { readonly room: RoomClient; readonly onDone: () => void }) {
  const { t } = useTranslation();
  const { run, isBusy } = useAct();
  const [text, setText] = useState("");
  const pin = async () => {
    if (await run(() => room.ask({ type: "pin_fact", text: text.trim() }))) onDone();
  };
  return (
    <form
      className="mb-3 flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        void pin();
      }}
    >
      <TextArea
        aria-label={t("context.newFact")}
        placeholder={t("context.newFactExample")}
        rows={2}
        dir="auto"
        maxLength={LONGEST}
        value={text}
        // It was asked for by a button just now.
        ref={(field) => field?.focus()}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="flex justify-end gap-2">
        <Button size="sm" variant="ghost" onClick={onDone}>
          {t("common.cancel")}
        </Button>
        <Button size="sm" variant="primary" type="submit" isBusy={isBusy} disabled={text.trim() === ""}>
          {t("context.pinFact")}
        </Button>
      </div>
    </form>
  );
}

export function Proposals({ room, people, mayEdit }: FactsProps) {
  const { t } = useTranslation();
  const proposals = useRoomState(room, (state) => state.proposals) ?? [];
  const facts = useRoomState(room, (state) => state.facts) ?? [];
  const { run, isBusy } = useAct();
  if (proposals.length === 0) return null;
  const decide = (proposal_id: string, is_accepted: boolean) =>
    void run(() => room.ask({ type: "decide_proposal", proposal_id, is_accepted }));
  return (
    <Section title={t("context.proposals")} hint={t("context.proposalsHint")}>
      <ul className="flex flex-col gap-2">
        {proposals.map((proposal) => {
          const forgets = proposal.fact_id !== undefined;
          const words = forgets ? facts.find((fact) => fact.id === proposal.fact_id)?.text : proposal.text;
          return (
            <li key={proposal.id} className="rounded-card border border-warn-line bg-warn-soft px-3 py-2.5">
              <p className="text-meta text-ink-2">
                <Name people={people} id={proposal.by} />{" "}
                {forgets ? t("context.wouldForget") : t("context.wouldRemember")}
              </p>
              <p dir="auto" className="my-1 text-small text-ink wrap-anywhere">
                {words ?? t("context.factGone")}
              </p>
              <Taints of={proposal.taint} />
              {mayEdit ? (
                <div className="mt-2 flex gap-2">
                  <Button
                    size="sm"
                    variant="primary"
                    icon={<Check aria-hidden="true" size={14} />}
                    disabled={isBusy}
                    onClick={() => decide(proposal.id, true)}
                  >
                    {forgets ? t("context.forget") : t("context.remember")}
                  </Button>
                  <Button
                    size="sm"
                    icon={<X aria-hidden="true" size={14} />}
                    disabled={isBusy}
                    onClick={() => decide(proposal.id, false)}
                  >
                    {t("context.drop")}
                  </Button>
                </div>
              ) : (
                <p className="mt-1 text-meta text-ink-2">{t("context.membersDecide")}</p>
              )}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
