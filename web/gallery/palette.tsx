/** The palette in its states. */

import { type ReactNode, useEffect } from "react";
import { Palette } from "../src/features/palette/Palette";
import { useAction } from "../src/features/shell/keymap";
import { type Answers, fakeClient } from "./fake";
import { DEPLOY, deployRoom } from "./rooms";
import { Scene } from "./Scene";

const [first, second] = [deployRoom().messages[2], deployRoom().messages[3]];
const answers: Answers = {
  "GET /api/v1/rooms/{room_id}/members": { members: [...deployRoom().members.values()] },
  "GET /api/v1/search": {
    hits: JSON.parse(JSON.stringify([first, second].map((message) => ({ room_id: DEPLOY, message })))),
  },
};

/** Writes as a hand does. */
function Written({ words }: { readonly words: string }) {
  useAction("search", () => true);
  useAction("shortcuts", () => true);
  useAction("nextUnread", () => true);
  useAction("toggleDetail", () => true);
  useEffect(() => {
    // The window has its field only after it is painted.
    const timer = window.setTimeout(() => {
      const field = document.querySelector<HTMLInputElement>("[cmdk-input]");
      if (field === null || words === "") return;
      Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, words);
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }, 20);
    return () => window.clearTimeout(timer);
  }, [words]);
  return null;
}

const palette = (words: string) => () => (
  <Scene client={fakeClient({ answers })}>
    <Palette isOpen onOpenChange={() => {}} />
    <Written words={words} />
  </Scene>
);

export const states: Record<string, () => ReactNode> = {
  open: palette(""),
  rooms: palette("de"),
  pinyin: palette("khzc"),
  words: palette("fanout lag"),
};
