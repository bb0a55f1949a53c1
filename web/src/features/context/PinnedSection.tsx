/** The messages that are pinned in the room: each leads to itself, and may be unpinned by who may. */

import { PinOff } from "lucide-react";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { RoomClient } from "../../connection/types";
import { Button } from "../../ui/Button";
import { IconButton } from "../../ui/IconButton";
import { Time } from "../../ui/Time";
import { useAct, useAnswer } from "../answers";
import { useMe, useRoomState } from "../hooks";
import { Name, type People } from "../people";
import { Loading, Note, Refusal, Section } from "../sections";
import { useRights } from "../useRights";
import { beginningOf } from "./beginnings";
import { pinsSeen, samePins } from "./pins";

const FIRST = 5;
/** Each that is not loaded is asked for by itself. */
const MORE = 10;

interface PinnedProps {
  readonly room: RoomClient;
  readonly people: People;
}

export function PinnedSection({ room, people }: PinnedProps) {
  const { t } = useTranslation();
  const { id: meId } = useMe();
  const pins = useRoomState(room, (state) => pinsSeen(state, meId), samePins) ?? [];
  const rights = useRights(room);
  const [most, setMost] = useState(FIRST);
  const box = useRef<HTMLDivElement>(null);
  const mayUnpin = rights.may("pin") && !rights.isArchived;
  const shown = pins.slice(0, most);
  /** A row takes the focus with it when it goes. */
  const keepFocus = () => {
    const at = document.activeElement;
    if (at === document.body || box.current?.contains(at) === true) box.current?.focus();
  };
  return (
    <Section title={t("context.pinned")}>
      <div ref={box} tabIndex={-1} className="-mx-2 rounded-button px-2">
        {pins.length === 0 && <Note>{t(mayUnpin ? "context.noPinsYet" : "context.noPins")}</Note>}
        {pins.length > 0 && (
          <ul className="-ml-2 flex flex-col gap-0.5">
            {shown.map((id) => (
              <Pinned key={id} room={room} people={people} id={id} mayUnpin={mayUnpin} onGone={keepFocus} />
            ))}
          </ul>
        )}
        {pins.length > shown.length && (
          <Button size="sm" variant="ghost" className="-ml-2.5" onClick={() => setMost(most + MORE)}>
            {t("context.morePins", { count: pins.length - shown.length })}
          </Button>
        )}
      </div>
    </Section>
  );
}

interface OnePinnedProps extends PinnedProps {
  readonly id: string;
  readonly mayUnpin: boolean;
  readonly onGone: () => void;
}

function Pinned({ room, people, id, mayUnpin, onGone }: OnePinnedProps) {
  const { t } = useTranslation();
  const { run } = useAct();
  const held = useRoomState(room, (state) => state.messages.find((one) => one.id === id));
  // Of a message that is not here: what was changed in it since.
  const changes = useRoomState(
    room,
    (state) => state.missed.filter((event) => "message_id" in event && event.message_id === id).length,
  );
  const asked = useAnswer(
    "GET /api/v1/rooms/{room_id}/messages/{message_id}",
    held === undefined ? { places: { room_id: room.id, message_id: id } } : undefined,
    changes,
  );
  const message = held ?? asked.value?.message;
  const words = message === undefined ? "" : beginningOf(message) || t("context.withoutWords");
  const unpin = async () => {
    if (await run(() => room.ask({ type: "unpin_message", message_id: id }))) onGone();
  };
  return (
    <li className="flex items-start gap-1">
      {message === undefined ? (
        <div className="min-w-0 flex-1 px-2">
          {asked.refusal === undefined ? <Loading lines={2} /> : <Refusal text={asked.refusal} onRetry={asked.again} />}
        </div>
      ) : (
        <Link
          href={`/r/${room.id}/m/${id}`}
          className="min-w-0 flex-1 rounded-button px-2 py-1.5 text-small text-ink-2 hover:bg-hover hover:text-ink"
        >
          <span className="flex flex-wrap items-baseline gap-x-1.5">
            <Name people={people} id={message.author_id} />
            <span className="inline-flex gap-1.5 text-meta text-ink-3 tabular-nums">
              <Time at={message.at} as="day" />
              <Time at={message.at} />
            </span>
          </span>
          <span dir="auto" className="line-clamp-2 wrap-anywhere">
            {words}
          </span>
        </Link>
      )}
      {mayUnpin && (
        <IconButton
          size="sm"
          className="mt-1"
          label={words === "" ? t("context.unpin") : t("context.unpinThis", { text: words })}
          icon={<PinOff size={14} />}
          onClick={() => void unpin()}
        />
      )}
    </li>
  );
}
