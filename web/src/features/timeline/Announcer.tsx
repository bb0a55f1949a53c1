/** The one place of the timeline that a screen reader listens to. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useHere } from "../cards/RoomHere";
import { Announcements } from "./announcements";

export function Announcer() {
  const { t } = useTranslation();
  const { room, people } = useHere();
  const [said, setSaid] = useState("");
  useEffect(() => {
    const announcements = new Announcements();
    const sentences = {
      writes: (ai: string) => t("timeline.writes", { ai }),
      answered: (ai: string, words: string) => t("timeline.answered", { ai, words }),
      name: people.name,
    };
    const look = () => {
      const state = room.state.get();
      const next = state === undefined ? undefined : announcements.next(state, sentences);
      if (next !== undefined) setSaid(next);
    };
    look();
    return room.state.subscribe(look);
  }, [room, people, t]);
  return (
    <p role="status" className="sr-only">
      {said}
    </p>
  );
}
