/** Makes an AI of this server a member: which there are, and whether they can answer. */

import { CircleAlert } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { AiOffer } from "../../protocol/api";
import type { Member } from "../../protocol/wire";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { toast } from "../../ui/Toast";
import { AnotherAi } from "../anotherAi";
import { sentenceOf, useAnswer } from "../answers";
import { Loading, Refusal } from "../sections";

export interface AddAiProps {
  readonly room: RoomClient;
  readonly members: ReadonlyMap<string, Member>;
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function AddAi({ room, members, isOpen, onOpenChange }: AddAiProps) {
  const { t } = useTranslation();
  const offers = useAnswer("GET /api/v1/ai", isOpen ? {} : undefined);
  const [adding, setAdding] = useState<string>();
  const [error, setError] = useState<string>();
  const add = async (offer: AiOffer) => {
    setAdding(offer.account_id);
    setError(undefined);
    try {
      await room.ask({ type: "invite_member", handle: offer.handle });
      toast(t("members.added", { name: offer.name }), { tone: "ok" });
      onOpenChange(false);
    } catch (refusal) {
      setError(sentenceOf(refusal));
    } finally {
      setAdding(undefined);
    }
  };
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={onOpenChange}
      title={t("members.addAi")}
      description={t("members.addAiText")}
      size="sm"
    >
      <div className="flex flex-col gap-2">
        {error !== undefined && <Refusal text={error} />}
        {offers.refusal !== undefined && <Refusal text={offers.refusal} onRetry={offers.again} />}
        {offers.isLoading && offers.value === undefined && <Loading />}
        {offers.value?.ais.map((offer) => (
          <div key={offer.account_id} className="flex min-h-12 items-center gap-3">
            <Avatar name={offer.name} isAi />
            <span className="min-w-0 flex-1">
              <bdi className="block truncate text-small font-medium text-ink">{offer.name}</bdi>
              <span className="block truncate text-meta text-ink-3">
                @{offer.handle} · {offer.answers_with || offer.model || offer.provider}
              </span>
              {!offer.can_answer && (
                <span className="inline-flex items-center gap-1 text-meta text-warn">
                  <CircleAlert aria-hidden="true" size={12} />
                  {t("members.aiCannotAnswer")}
                </span>
              )}
            </span>
            {members.has(offer.account_id) ? (
              <span className="text-meta text-ink-3">{t("members.aiIsHere")}</span>
            ) : (
              <Button
                size="sm"
                variant="ai"
                isBusy={adding === offer.account_id}
                disabled={adding !== undefined}
                aria-label={t("members.addNamed", { name: offer.name })}
                onClick={() => void add(offer)}
              >
                {t("common.add")}
              </Button>
            )}
          </div>
        ))}
        {offers.value?.ais.every((offer) => members.has(offer.account_id)) === true && (
          <AnotherAi words={t(offers.value.ais.length === 0 ? "members.noAis" : "members.allAisHere")} />
        )}
      </div>
    </Dialog>
  );
}
