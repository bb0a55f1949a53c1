/** The keyboard as data: what `?` shows and what the keymap listens to. */

export type ActionName =
  | "palette"
  | "search"
  | "shortcuts"
  | "roomUp"
  | "roomDown"
  | "nextUnread"
  | "toggleRooms"
  | "toggleDetail"
  | "nextLandmark"
  | "previousLandmark"
  | "closeLayer"
  | "blurComposer"
  | "stopTurn"
  | "nextMessage"
  | "previousMessage"
  | "latest"
  | "reply"
  | "thread"
  | "edit"
  | "react"
  | "markUnread"
  | "approve"
  | "deny";

/** What the sheet calls a line. Escape is one line for three actions; the composer hears its own keys itself. */
export type LineName =
  | Exclude<ActionName, "closeLayer" | "blurComposer" | "stopTurn">
  | "escape"
  | "send"
  | "newLine"
  | "queue"
  | "editLast";

export type GroupName = "everywhere" | "messages" | "writing" | "approvals";

export interface KeyLine {
  readonly line: LineName;
  readonly group: GroupName;
  /** As `Kbd` writes them. `Mod` is ⌘ or Ctrl. */
  readonly keys: readonly string[];
  /** Asked in this order until one does something. None: whoever has the focus hears the keys. */
  readonly actions: readonly ActionName[];
}

const one = (line: LineName & ActionName, group: GroupName, ...keys: readonly string[]): KeyLine => ({
  line,
  group,
  keys,
  actions: [line],
});

const heard = (line: LineName, group: GroupName, ...keys: readonly string[]): KeyLine => ({
  line,
  group,
  keys,
  actions: [],
});

export const keyLines: readonly KeyLine[] = [
  one("palette", "everywhere", "Mod+K"),
  one("search", "everywhere", "/"),
  one("shortcuts", "everywhere", "?"),
  one("roomUp", "everywhere", "Alt+ArrowUp"),
  one("roomDown", "everywhere", "Alt+ArrowDown"),
  one("nextUnread", "everywhere", "Shift+Alt+ArrowDown"),
  one("toggleRooms", "everywhere", "["),
  one("toggleDetail", "everywhere", "]"),
  one("nextLandmark", "everywhere", "F6"),
  one("previousLandmark", "everywhere", "Shift+F6"),
  { line: "escape", group: "everywhere", keys: ["Escape"], actions: ["closeLayer", "blurComposer", "stopTurn"] },
  one("nextMessage", "messages", "j"),
  one("previousMessage", "messages", "k"),
  one("latest", "messages", "G"),
  one("reply", "messages", "r"),
  one("thread", "messages", "t"),
  one("edit", "messages", "e"),
  one("react", "messages", "+"),
  one("markUnread", "messages", "u"),
  heard("send", "writing", "Enter"),
  heard("newLine", "writing", "Shift+Enter"),
  heard("queue", "writing", "Alt+Enter"),
  heard("editLast", "writing", "ArrowUp"),
  one("approve", "approvals", "a"),
  one("deny", "approvals", "d"),
];

/** The part of a keyboard event that a key line is matched with. */
export interface Pressed {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

export function isSingle(keys: string): boolean {
  return [...keys].length === 1;
}

/** `?` and `G` are what comes out, however the keyboard makes them; with modifiers every one of them counts. */
export function matches(keys: string, pressed: Pressed): boolean {
  if (isSingle(keys)) return pressed.key === keys && !pressed.ctrlKey && !pressed.metaKey && !pressed.altKey;
  const parts = keys.split("+");
  const key = parts.at(-1) ?? "";
  const has = (part: string) => parts.slice(0, -1).includes(part);
  return (
    pressed.key.toLowerCase() === key.toLowerCase() &&
    (pressed.ctrlKey || pressed.metaKey) === has("Mod") &&
    pressed.altKey === has("Alt") &&
    pressed.shiftKey === has("Shift")
  );
}
