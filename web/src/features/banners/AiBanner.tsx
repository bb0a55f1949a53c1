/** Says of a room's AI what one must know before asking it: that it is the built-in demo, or that it cannot answer now. */

import { CircleSlash, Sparkles, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomClient } from "../../connection/types";
import type { AiOffer } from "../../protocol/api";
import { isClosed, mayHere } from "../../room/rights";
import type { RoomState } from "../../room/state";
import { buttonClass } from "../../ui/Button";
import { IconButton } from "../../ui/IconButton";
import { useAnswer } from "../answers";
import { useMe, useReadable, useRoomState } from "../hooks";
import { demoLine } from "../preferences";
import { Banner } from "./Banner";

const PUT_AWAY = "away";

export function AiBanner({ room }: { readonly room: RoomClient }) {
  const me = useMe();
  const ais = useRoomState(room, aisOf, isSame) ?? [];
  // A turn that failed may be the first word of it.
  const failures = useRoomState(room, failed) ?? 0;
  // Asked before the room is there: the line comes with its first words, and pushes none of them down.
  const offers = useAnswer("GET /api/v1/ai", {}, failures);
  const maySet = useRoomState(room, (state) => mayHere(state, me.id, "settings")) ?? false;
  const isAway = useReadable(demoLine) === PUT_AWAY;
  const told = toldOf(offers.value?.ais ?? [], ais);
  if (told === undefined || (told.kind === "demo" && isAway)) return null;
  return (
    <AiWords
      told={told}
      to={maySet ? `/r/${room.id}/settings/ai` : undefined}
      onPutAway={() => demoLine.choose(PUT_AWAY)}
    />
  );
}

export interface Told {
  readonly kind: "demo" | "silent";
  readonly name: string;
}

/** The worst of them: one that cannot answer, else one that is the demo. Only of AIs that are here. */
export function toldOf(offers: readonly AiOffer[], ais: readonly string[]): Told | undefined {
  const here = offers.filter((offer) => ais.includes(offer.account_id));
  const silent = here.find((offer) => !offer.can_answer && (offer.answers_with ?? "") === "");
  if (silent !== undefined) return { kind: "silent", name: silent.name };
  const demo = here.find((offer) => offer.is_demo === true);
  return demo === undefined ? undefined : { kind: "demo", name: demo.name };
}

export interface AiWordsProps {
  readonly told: Told;
  /** Where it can be changed; undefined: not by this reader. */
  readonly to: string | undefined;
  readonly onPutAway: () => void;
}

export function AiWords({ told, to, onPutAway }: AiWordsProps) {
  const { t } = useTranslation();
  const isDemo = told.kind === "demo";
  return (
    <Banner
      tone={isDemo ? "neutral" : "warn"}
      icon={isDemo ? <Sparkles size={18} className="text-ai" /> : <CircleSlash size={18} />}
      action={
        <span className="flex shrink-0 items-center gap-1">
          {to !== undefined && (
            <Link href={to} className={buttonClass("secondary", "sm")}>
              {t(isDemo ? "banners.demoHow" : "banners.silentHow")}
            </Link>
          )}
          {isDemo && <IconButton label={t("banners.demoClose")} icon={<X size={16} />} onClick={onPutAway} />}
        </span>
      }
    >
      {t(isDemo ? "banners.demo" : "banners.silent", { name: told.name })}
    </Banner>
  );
}

/** In a room that is closed nobody asks them. */
function aisOf(state: RoomState): readonly string[] {
  if (isClosed(state)) return [];
  return [...state.members.values()].flatMap((member) => (member.kind === "ai" ? member.account_id : []));
}

const isSame = (one: readonly string[] | undefined, other: readonly string[] | undefined) =>
  one?.join() === other?.join();

function failed(state: RoomState): number {
  let count = 0;
  for (const turn of state.ended.values()) count += Number(turn.outcome === "failed");
  return count;
}
