/** The field and the page around it: when it takes the focus, what Escape does, where the caret goes. */

import { type RefObject, useCallback, useEffect, useRef } from "react";
import type { RoomClient } from "../../connection/types";
import type { TurnState } from "../../protocol/wire";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { type Target, takeFocus, useAimed, useFocusWanted } from "../replying";
import { useAction } from "../shell/keymap";

export interface FieldParts {
  readonly room: RoomClient;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly text: string;
  /** The turn that Escape stops once the field has let go. */
  readonly stop: TurnState | undefined;
  readonly aimed: Target | undefined;
}

/** The result puts the caret somewhere after the next painting: React would leave it at the end. */
export function useFieldActions({ room, field, text, stop, aimed }: FieldParts): (at: number) => void {
  const moveTo = useRef<number>(undefined);
  const times = useAimed();
  const seen = useRef(0);
  const wanted = useFocusWanted();
  useEffect(() => {
    const at = moveTo.current;
    if (at === undefined || field.current === null) return;
    moveTo.current = undefined;
    field.current.focus();
    field.current.setSelectionRange(at, at);
  });
  useEffect(() => {
    if (times === seen.current) return;
    seen.current = times;
    if (aimed !== undefined) field.current?.focus();
  }, [times, aimed, field]);
  useEffect(() => {
    // A window over the page that was opened meanwhile keeps it.
    const isOver = document.querySelector("[role=dialog]:focus-within") !== null;
    if (wanted === room.id && takeFocus() && !isOver) field.current?.focus();
  }, [wanted, room, field]);
  useEffect(() => () => room.setTyping(false), [room]);

  useAction("blurComposer", () => {
    if (document.activeElement !== field.current || field.current === null || text === "") return false;
    field.current.blur();
    return true;
  });
  useAction(
    "stopTurn",
    () => {
      if (stop === undefined) return false;
      room.ask({ type: "stop_turn", turn_id: stop.turn_id }).catch((error: unknown) => {
        toast(sentenceOf(error), { tone: "danger" });
      });
      return true;
    },
    stop !== undefined,
  );
  return useCallback((at: number) => {
    moveTo.current = at;
  }, []);
}
