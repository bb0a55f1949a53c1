/** The keys that go from row to row and act on the one that is selected. */

import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { toast } from "../../ui/Toast";
import { useHere } from "../cards/RoomHere";
import { aimComposer, editMessage } from "../replying";
import { useAction } from "../shell/keymap";
import type { Doing } from "./doing";
import { messageRights, threadAddress } from "./messageRights";
import { isStop, type Row } from "./rows";
import type { Scrolling } from "./scrolling";

export interface RowKeys {
  readonly activeId: string | undefined;
  readonly activate: (id: string) => void;
  readonly hear: (event: React.KeyboardEvent) => void;
}

export interface RowKeysOptions {
  readonly rows: readonly Row[];
  readonly lead: Scrolling["lead"];
  readonly box: RefObject<HTMLElement | null>;
  readonly doing: Doing;
  readonly toEnd: () => void;
}

export function useRowKeys({ rows, lead, box, doing, toEnd }: RowKeysOptions): RowKeys {
  const { t } = useTranslation();
  const { roomId, room, meId } = useHere();
  const [, go] = useLocation();
  const [activeId, setActiveId] = useState<string>();
  const [wanted, setWanted] = useState<{ readonly id: string }>();
  const latest = useRef(rows);
  latest.current = rows;

  useEffect(() => {
    if (wanted === undefined) return;
    const frame = requestAnimationFrame(() => {
      box.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(wanted.id)}"]`)?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [wanted, box]);

  const move = useCallback(
    (step: 1 | -1) => {
      const at = latest.current.findIndex((row) => row.id === activeId);
      const isHere = box.current?.contains(document.activeElement) ?? false;
      // The first press selects the newest; from then on it goes on from there.
      let next = at < 0 ? latest.current.length : isHere ? at + step : at;
      if (at < 0) next -= 1;
      let row = latest.current[next];
      while (row !== undefined && !isStop(row)) {
        next += at < 0 ? -1 : step;
        row = latest.current[next];
      }
      if (row === undefined) return false;
      setActiveId(row.id);
      lead(row.id, "nearest");
      setWanted({ id: row.id });
      return true;
    },
    [activeId, box, lead],
  );

  /** Only while the keyboard is in the list: a key must not act on what nobody looks at. */
  const active = () =>
    box.current?.contains(document.activeElement) === true ? rows.find((row) => row.id === activeId) : undefined;
  const onMessage = (act: Parameters<typeof withMessage>[1]) => withMessage(active(), act);
  const rightsOf = (message: Parameters<typeof messageRights>[2]) => {
    const state = room.state.get();
    return state === undefined ? undefined : messageRights(state, meId, message);
  };

  useAction("nextMessage", () => move(1));
  useAction("previousMessage", () => move(-1));
  useAction("latest", () => {
    toEnd();
    const last = latest.current.findLast(isStop);
    // Whoever is among the rows goes along: else the next step would lead back to where they were.
    if (last === undefined || box.current?.contains(document.activeElement) !== true) return;
    setActiveId(last.id);
    setWanted({ id: last.id });
  });
  useAction("reply", () =>
    onMessage((message) => {
      if (rightsOf(message)?.reply !== true) return false;
      aimComposer(roomId, doing.threadRoot, { kind: "reply", id: message.id });
      return true;
    }),
  );
  useAction("thread", () =>
    onMessage((message) => {
      if (doing.threadRoot !== undefined) return false;
      go(threadAddress(roomId, message));
      return true;
    }),
  );
  useAction("edit", () =>
    onMessage((message) => {
      if (rightsOf(message)?.edit !== true) return false;
      editMessage(roomId, doing.threadRoot, message.id);
      return true;
    }),
  );
  useAction("react", () =>
    onMessage((message) => {
      if (rightsOf(message)?.react !== true) return false;
      doing.setReacting(message.id);
      return true;
    }),
  );
  useAction("markUnread", () =>
    onMessage((message) => {
      doing.markUnread(message.id);
      return true;
    }),
  );

  /** A key that decides goes first to the newest call that waits: nobody says yes to what they did not look at. */
  const toWaiting = () => {
    const waiting = latest.current.findLast((row) => row.item.kind === "call" && row.item.call.state === "asking");
    if (waiting === undefined) return false;
    setActiveId(waiting.id);
    lead(waiting.id, "nearest");
    setWanted({ id: waiting.id });
    return true;
  };
  const decide = (kind: "approve" | "deny") => {
    const row = active();
    if (row?.item.kind !== "call") return toWaiting();
    const button = box.current?.querySelector<HTMLButtonElement>(
      `[data-row="${CSS.escape(row.id)}"] [data-decide="${kind}"]`,
    );
    if (button === null || button === undefined || button.disabled) return false;
    // What can do much harm takes the key twice: the first press only goes to the button.
    if (button.dataset.twice !== undefined && document.activeElement !== button) {
      button.focus();
      toast(t("turns.pressAgain"));
    } else button.click();
    return true;
  };
  useAction("approve", () => decide("approve"));
  useAction("deny", () => decide("deny"));

  const hear = (event: React.KeyboardEvent) => {
    // Only on a row itself: within one the arrows belong to what is there.
    if (!(event.target instanceof HTMLElement) || event.target.dataset.row === undefined) return;
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    }
  };

  return { activeId, activate: setActiveId, hear };
}

type MessageOf = Extract<Row["item"], { readonly kind: "message" }>["message"];

function withMessage(row: Row | undefined, act: (message: MessageOf) => boolean): boolean {
  return row?.item.kind === "message" && act(row.item.message);
}
