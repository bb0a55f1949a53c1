/** Who did what with more than a member's rights, in a chain that shows any change; checked in this browser. */

import { ShieldAlert, ShieldCheck, ShieldQuestionMark } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { AuditView } from "../../protocol/api";
import { Button } from "../../ui/Button";
import { Time } from "../../ui/Time";
import { sentenceOf } from "../answers";
import { useClient } from "../hooks";
import { type People, usePeople } from "../people";
import { Loading, Note, Refusal, Scroller } from "../sections";
import { type Verdict, verify } from "./auditChain";
import { changedFields } from "./changedFields";
import type { SectionProps } from "./GeneralSection";
import { Block } from "./layout";

const PAGE = 1_000;
const SHOWN = 100;
/** More would take long to fetch and to check. */
const MOST_PAGES = 20;

export function AuditSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  if (!rights.may("read_audit")) return <Note>{t("settings.notForYou")}</Note>;
  return <Trail room={room} />;
}

function Trail({ room }: { readonly room: RoomClient }) {
  const { t } = useTranslation();
  const people = usePeople(room);
  const { entries, verdict, isCut, refusal, again } = useTrail(room.id);
  const [most, setMost] = useState(SHOWN);
  const latest = [...(entries ?? [])].reverse();
  return (
    <Block
      title={t("settings.audit")}
      hint={t("settings.auditHint")}
      actions={
        <Button size="sm" onClick={again}>
          {t("settings.lookAgain")}
        </Button>
      }
    >
      {refusal !== undefined && <Refusal text={refusal} onRetry={again} />}
      {entries === undefined && refusal === undefined && <Loading lines={5} />}
      {verdict !== undefined && <Checked verdict={verdict} />}
      {isCut && <Note className="text-meta">{t("settings.auditCut", { count: (entries ?? []).length })}</Note>}
      {entries !== undefined && entries.length === 0 && <Note>{t("settings.auditEmpty")}</Note>}
      {latest.length > 0 && (
        <Scroller label={t("settings.entries")} className="mt-3">
          <table className="w-full min-w-[36rem] border-collapse text-small">
            <thead>
              <tr className="border-b border-line text-left text-meta text-ink-3">
                <th scope="col" className="py-1.5 pr-3 font-medium">
                  #
                </th>
                <th scope="col" className="py-1.5 pr-3 font-medium">
                  {t("settings.when")}
                </th>
                <th scope="col" className="py-1.5 pr-3 font-medium">
                  {t("settings.who")}
                </th>
                <th scope="col" className="py-1.5 pr-3 font-medium">
                  {t("settings.what")}
                </th>
                <th scope="col" className="py-1.5 font-medium">
                  {t("settings.details")}
                </th>
              </tr>
            </thead>
            <tbody>
              {latest.slice(0, most).map((entry) => (
                <AuditRow
                  key={entry.number}
                  entry={entry}
                  people={people}
                  isWrong={verdict?.kind === "wrong" && verdict.number <= entry.number}
                />
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
      {latest.length > most && (
        <Button size="sm" className="mt-3" onClick={() => setMost(most + 5 * SHOWN)}>
          {t("common.showMore")}
        </Button>
      )}
    </Block>
  );
}

interface TrailState {
  readonly entries: readonly AuditView[] | undefined;
  readonly verdict: Verdict | undefined;
  readonly isCut: boolean;
  readonly refusal: string | undefined;
  /** Which look it was. */
  readonly round: number;
  readonly again: () => void;
}

/** All of it, from the first entry on, with what checking it came to. */
function useTrail(roomId: string): TrailState {
  const { rest } = useClient();
  const [times, setTimes] = useState(0);
  const [held, setHeld] = useState<Omit<TrailState, "again">>({
    entries: undefined,
    verdict: undefined,
    isCut: false,
    refusal: undefined,
    round: 0,
  });
  useEffect(() => {
    const stop = new AbortController();
    const load = async () => {
      const entries: AuditView[] = [];
      let isCut = true;
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const { entries: more } = await rest.call("GET /api/v1/rooms/{room_id}/audit", {
          places: { room_id: roomId },
          query: { after: entries.at(-1)?.number ?? 0, limit: PAGE },
          signal: stop.signal,
        });
        entries.push(...more);
        if (more.length < PAGE) {
          isCut = false;
          break;
        }
      }
      const verdict = await verify(roomId, entries);
      if (!stop.signal.aborted) setHeld({ entries, verdict, isCut, refusal: undefined, round: times });
    };
    load().catch((error: unknown) => {
      if (!stop.signal.aborted) setHeld((before) => ({ ...before, refusal: sentenceOf(error), round: times }));
    });
    return () => stop.abort();
  }, [rest, roomId, times]);
  return { ...held, again: useCallback(() => setTimes((before) => before + 1), []) };
}

function Checked({ verdict }: { readonly verdict: Verdict }) {
  const { t } = useTranslation();
  const looks = {
    right: [ShieldCheck, "text-ok"],
    wrong: [ShieldAlert, "text-danger"],
    unknown: [ShieldQuestionMark, "text-ink-3"],
  } as const;
  const [Icon, colour] = looks[verdict.kind];
  return (
    <p role="status" className="flex items-start gap-2 text-small text-ink">
      <Icon aria-hidden="true" size={16} className={`mt-0.5 shrink-0 ${colour}`} />
      {verdict.kind === "right"
        ? t("settings.verified", { count: verdict.entries })
        : verdict.kind === "wrong"
          ? t("settings.notVerified", { number: verdict.number })
          : t("settings.cannotVerify")}
    </p>
  );
}

interface AuditRowProps {
  readonly entry: AuditView;
  readonly people: People;
  readonly isWrong: boolean;
}

function AuditRow({ entry, people, isWrong }: AuditRowProps) {
  const { t } = useTranslation();
  const subject = people.member(entry.subject);
  const fields = changedFields(entry.before, entry.after);
  return (
    <tr className={`border-b border-line align-top last:border-b-0 ${isWrong ? "bg-danger-soft" : ""}`}>
      <td className="py-1.5 pr-3 text-ink-3 tabular-nums">{entry.number}</td>
      <td className="py-1.5 pr-3 whitespace-nowrap text-ink-2 tabular-nums">
        <Time at={entry.at} as="moment" />
      </td>
      <td className="py-1.5 pr-3 text-ink">
        <bdi>
          {entry.actor_id === null || entry.actor_id === undefined
            ? t("settings.serverItself")
            : people.name(entry.actor_id)}
        </bdi>{" "}
        <span className="text-meta text-ink-3">{entry.origin}</span>
      </td>
      <td className="py-1.5 pr-3 text-ink">{entry.action.replaceAll("_", " ")}</td>
      <td className="py-1.5 text-ink-2 wrap-anywhere">
        {subject !== undefined && <bdi className="font-medium text-ink">{subject.display_name} </bdi>}
        {fields === undefined
          ? [entry.before, entry.after]
              .filter((word) => word !== "")
              .map((word) => (word.length > 80 ? `${word.slice(0, 80)}…` : word))
              .join(" → ")
          : fields.join(", ")}
      </td>
    </tr>
  );
}
