/** A call that waits for people: exactly what would run, who may decide, until when, and the two buttons. */

import { Check, Hand, X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { ApprovalCard, ToolClass } from "../../protocol/wire";
import { deciders, isClosed, mayDecide, mayHere } from "../../room/rights";
import type { ToolCall } from "../../room/state";
import { Button, buttonClass } from "../../ui/Button";
import { classes } from "../../ui/classes";
import { formatBytes, formatClock, formatDuration, formatList } from "../../ui/i18n/format";
import { useAct } from "../answers";
import { useClient, useReadable, useRoomState } from "../hooks";
import { Names } from "../people";
import { useSeconds } from "./clock";
import { ExactArguments } from "./Exact";
import { useHere } from "./RoomHere";

const NAMED = 3;
const SOON_S = 60;

export function Decision({ call, card }: { readonly call: ToolCall; readonly card: ApprovalCard }) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const { run, isBusy } = useAct();
  const isMine = useRoomState(room, (state) => mayDecide(state, meId, call, card)) ?? false;
  const isTainted = useRoomState(room, (state) => (state.turns.get(call.turnId)?.taint.length ?? 0) > 0) ?? false;
  const hasApproved = card.approved_by.includes(meId);
  const isDangerous =
    card.tool_class === "extended" || card.tool_class === "network" || card.tool_class === "sensitive_write";
  const decide = (isApproved: boolean) =>
    void run(() =>
      room.ask({
        type: "decide_approval",
        turn_id: call.turnId,
        call_id: call.callId,
        sha256: card.sha256,
        is_approved: isApproved,
      }),
    );
  return (
    <div className="flex flex-col gap-3">
      {call.arguments === "" ? (
        <p className="text-small text-ink-3">{t("cards.argumentsHidden")}</p>
      ) : (
        <ExactArguments tool={call.name} json={call.arguments} />
      )}
      <div className="flex flex-col gap-1 text-small text-ink-2">
        <p>{t(`cards.classes.${card.tool_class}`)}</p>
        {card.limits !== undefined && (card.limits.memory_bytes ?? 0) > 0 && (
          <p>
            {t("cards.limits", {
              time: formatDuration(card.limits.wall_s),
              memory: formatBytes(card.limits.memory_bytes ?? 0),
              output: formatBytes(card.limits.output_bytes ?? 0),
            })}
          </p>
        )}
        {isTainted && <p className="text-warn">{t("cards.tainted")}</p>}
      </div>
      {isMine && (
        <div className="flex flex-wrap items-center gap-2">
          {!hasApproved && (
            <Button
              variant="primary"
              icon={<Check size={16} />}
              disabled={isBusy}
              data-decide="approve"
              data-twice={isDangerous || undefined}
              data-tip={t("cards.approveTip")}
              data-tip-keys="a"
              onClick={(event) => {
                keepRow(event.currentTarget);
                decide(true);
              }}
            >
              {t("cards.approve")}
              <Key name="A" isOnAccent />
            </Button>
          )}
          <RoomRule card={card} />
          <Button
            icon={<X size={16} />}
            disabled={isBusy}
            data-decide="deny"
            data-tip={t("cards.denyTip")}
            data-tip-keys="d"
            onClick={(event) => {
              keepRow(event.currentTarget);
              decide(false);
            }}
          >
            {t("cards.deny")}
            <Key name="D" />
          </Button>
        </div>
      )}
      {card.approved_by.length > 0 && (
        <p className="text-small text-ink-2">
          {t("cards.approvedSoFar")} <Names people={people} ids={card.approved_by} />
          {" · "}
          {t("cards.takesMore", { count: Math.max(0, card.needed - card.approved_by.length) })}
        </p>
      )}
      {!isMine && <WhoCan call={call} card={card} />}
      <TimeLeft card={card} />
    </div>
  );
}

/** The buttons go with the decision: whoever pressed one with the keyboard goes on from the row of the card. */
function keepRow(button: HTMLElement): void {
  if (document.activeElement === button) button.closest<HTMLElement>("[data-row]")?.focus({ preventScroll: true });
}

function Key({ name, isOnAccent = false }: { readonly name: string; readonly isOnAccent?: boolean }) {
  return (
    <span
      aria-hidden="true"
      className={classes(
        "-mr-1 rounded-[5px] px-1.5 py-0.5 font-sans text-[0.6875rem] leading-none pointer-coarse:hidden",
        isOnAccent ? "bg-accent-ink/12" : "bg-hover text-ink-2",
      )}
    >
      {name}
    </span>
  );
}

/** Classes for which the room says itself whether they are asked about; for others nothing could be chosen there. */
const RULED: ReadonlySet<ToolClass> = new Set(["write", "sensitive_write", "terminal", "extended", "network"]);

/** Leads to where the room says how calls of this class are approved: for whoever may change that. */
function RoomRule({ card }: { readonly card: ApprovalCard }) {
  const { t } = useTranslation();
  const { room, roomId, meId } = useHere();
  const mayChange = useRoomState(room, (state) => mayHere(state, meId, "settings") && !isClosed(state)) ?? false;
  if (!mayChange || !RULED.has(card.tool_class)) return null;
  return (
    <Link href={`/r/${roomId}/settings/approvals`} className={buttonClass()}>
      {t("cards.roomRule")}
    </Link>
  );
}

function WhoCan({ call, card }: { readonly call: ToolCall; readonly card: ApprovalCard }) {
  const { t } = useTranslation();
  const { room, people, meId } = useHere();
  const who = useRoomState(
    room,
    (state) => deciders(state, call, card).map((member) => member.account_id),
    (one, other) => one?.join() === other?.join(),
  );
  const mayPost = useRoomState(room, (state) => mayHere(state, meId, "post")) ?? false;
  const ids = who ?? [];
  const handles = ids.slice(0, NAMED).map((id) => `@${people.member(id)?.handle ?? ""}`);
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
      <p className="text-small text-ink-2">
        {ids.length === 0
          ? t("cards.nobodyCan")
          : t("cards.whoCan", {
              who: formatList([
                ...ids.slice(0, NAMED).map(people.name),
                ...(ids.length > NAMED ? [t("turns.others", { count: ids.length - NAMED })] : []),
              ]),
            })}
      </p>
      {mayPost && ids.length > 0 && (
        <Button
          size="sm"
          icon={<Hand size={14} />}
          onClick={() => room.post(t("cards.nudgeWords", { who: handles.join(" "), what: call.name }))}
        >
          {t("cards.nudge")}
        </Button>
      )}
    </div>
  );
}

function TimeLeft({ card }: { readonly card: ApprovalCard }) {
  const { t } = useTranslation();
  const offset = useReadable(useClient().clockOffsetMs);
  const now = useSeconds(true);
  const left = Math.max(0, (new Date(card.expires_at).getTime() - now - offset) / 1000);
  return (
    <p className="text-meta text-ink-3">
      <span role="timer" className="tabular-nums">
        {left > 0 ? t("cards.timeLeft", { time: formatClock(left) }) : t("cards.timeIsUp")}
      </span>
      {" · "}
      {t("cards.once")}
      {["terminal", "extended"].includes(card.tool_class) && ` ${t("cards.notTheFiles")}`}
      <span role="status" className="sr-only">
        {left > 0 && left <= SOON_S ? t("cards.expiresSoon") : ""}
      </span>
    </p>
  );
}
