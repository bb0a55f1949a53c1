/** A room in which nothing has been said: three things to begin with, each a message that a press sends. */

import { FilePlus2, Paperclip, Sparkles } from "lucide-react";
import { useTranslation } from "react-i18next";
import { isClosed, mayHere } from "../../room/rights";
import { EmptyState } from "../../ui/EmptyState";
import { useHere } from "../cards/RoomHere";
import { useRoomState } from "../hooks";

export function EmptyRoom() {
  const { t } = useTranslation();
  const { room, meId } = useHere();
  const name = useRoomState(room, (state) => state.room.name) ?? "";
  const isDirect = useRoomState(room, (state) => state.room.kind === "direct") ?? false;
  const ai = useRoomState(room, (state) => {
    const ais = [...state.members.values()].filter((member) => member.kind === "ai");
    return ais.find((member) => member.account_id === state.room.settings.default_ai) ?? ais[0];
  });
  const mayPost = useRoomState(room, (state) => !isClosed(state) && mayHere(state, meId, "post")) ?? false;
  const mayAsk = useRoomState(room, (state) => mayHere(state, meId, "ask_ai")) ?? false;
  const title = isDirect ? t("timeline.emptyDirect") : t("timeline.emptyRoom", { name });
  if (ai === undefined || !mayPost || !mayAsk) return <EmptyState title={title}>{t("timeline.emptyPlain")}</EmptyState>;
  const at = `@${ai.handle}`;
  const starters = [
    {
      icon: <Sparkles size={18} />,
      title: t("timeline.starters.ask"),
      text: t("timeline.starters.askWords", { ai: at }),
    },
    {
      icon: <Paperclip size={18} />,
      title: t("timeline.starters.attach"),
      text: t("timeline.starters.attachWords", { ai: at }),
    },
    {
      icon: <FilePlus2 size={18} />,
      title: t("timeline.starters.file"),
      text: t("timeline.starters.fileWords", { ai: at }),
    },
  ];
  return (
    <div className="mx-auto flex min-h-full w-full max-w-3xl flex-col justify-center px-4 py-10">
      <p className="text-center text-title font-semibold text-ink">{title}</p>
      <p className="mt-1 text-center text-small text-ink-2">{t("timeline.emptyHint", { ai: ai.display_name })}</p>
      <ul className="mt-6 grid gap-3 sm:grid-cols-3">
        {starters.map((starter) => (
          <li key={starter.title} className="flex">
            <button
              type="button"
              onClick={() => room.post(starter.text)}
              className="flex w-full flex-col gap-2 rounded-card border border-line bg-surface p-4 text-left transition-colors hover:border-line-strong hover:bg-sunken"
            >
              <span aria-hidden="true" className="text-ai">
                {starter.icon}
              </span>
              <span className="text-small font-semibold text-ink">{starter.title}</span>
              <span className="text-small text-ink-2">{starter.text}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
