/**
 * What a person has chosen on this device: theme, density, single keys, panes, muted rooms, drafts. Kept in this browser:
 * how the page looks for whoever sits there, what is of rooms for each account by itself.
 */

import { Changing, type Readable } from "../room/readable";

/** A private window may refuse to keep anything: then a choice lasts until the page is closed. */
function kept(name: string): string | undefined {
  try {
    return localStorage.getItem(`multiplayer.${name}`) ?? undefined;
  } catch {
    return undefined;
  }
}

function keep(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`multiplayer.${name}`);
    else localStorage.setItem(`multiplayer.${name}`, value);
  } catch {
    // Not kept; it still holds for this visit.
  }
}

export interface Choice<T> extends Readable<T> {
  choose(value: T): void;
}

/** Whose rooms, marks and drafts these are. */
let owner = "";
const ofOwner: (() => void)[] = [];

const owned = (name: string) => `of ${owner}.${name}`;

/** From now on this account is here: what another kept stays kept, and is not shown. */
export function keepFor(accountId: string): void {
  if (accountId === owner) return;
  owner = accountId;
  for (const read of ofOwner) read();
}

function choice<T extends string>(name: string, values: readonly T[], usual: T): Choice<T> {
  const stored = kept(name);
  const held = new Changing<T>(values.find((value) => value === stored) ?? usual);
  return {
    get: () => held.get(),
    subscribe: (listener) => held.subscribe(listener),
    choose(value) {
      keep(name, value === usual ? undefined : value);
      held.set(value);
    },
  };
}

export type Theme = "system" | "light" | "dark";
export type Density = "comfortable" | "compact";
export type Switched = "on" | "off";

export const theme = choice<Theme>("theme", ["system", "light", "dark"], "system");
export const density = choice<Density>("density", ["comfortable", "compact"], "comfortable");
export const singleKeys = choice<Switched>("single-keys", ["on", "off"], "on");
export const roomsPane = choice<"open" | "closed">("rooms-pane", ["open", "closed"], "open");
export const archivedRooms = choice<"open" | "closed">("archived-rooms", ["open", "closed"], "closed");

/** A text of an account that is kept as it is: the pane last open, the last room. */
function text(name: string): Choice<string> {
  const held = new Changing("");
  ofOwner.push(() => held.set(kept(owned(name)) ?? ""));
  return {
    get: () => held.get(),
    subscribe: (listener) => held.subscribe(listener),
    choose(value) {
      keep(owned(name), value === "" ? undefined : value);
      held.set(value);
    },
  };
}

export const lastRoom = text("room");
export const lastPane = text("pane");
/** Whether the line about the built-in demo was put away. */
export const demoLine = text("demo");

/** Another page of this browser chose: this one reads it again. Whoever chooses is not told. */
function alsoElsewhere(name: string, read: () => void): void {
  if (typeof window === "undefined") return;
  window.addEventListener("storage", (event) => {
    if (event.key === null || event.key === `multiplayer.${owned(name)}`) read();
  });
}

/** A switch of an account that holds for all pages of this browser at once: off until it is switched on. */
function ownSwitch(name: string): Choice<Switched> {
  const held = new Changing<Switched>("off");
  const read = () => held.set(kept(owned(name)) === "on" ? "on" : "off");
  ofOwner.push(read);
  alsoElsewhere(name, read);
  return {
    get: () => held.get(),
    subscribe: (listener) => held.subscribe(listener),
    choose(value) {
      keep(owned(name), value === "off" ? undefined : value);
      held.set(value);
    },
  };
}

/** Whether the desktop tells of what is said to this account. */
export const notifies = ownSwitch("notifies");

function width(name: string, usual: number): Choice<number> {
  const stored = Number(kept(name));
  const held = new Changing(Number.isFinite(stored) && stored > 0 ? stored : usual);
  return {
    get: () => held.get(),
    subscribe: (listener) => held.subscribe(listener),
    choose(value) {
      keep(name, String(value));
      held.set(value);
    },
  };
}

export const roomsWidth = width("rooms-width", 256);
export const detailWidth = width("detail-width", 320);

const mutedRooms = new Changing<ReadonlySet<string>>(new Set());
const readMuted = () => mutedRooms.set(new Set((kept(owned("muted")) ?? "").split(" ").filter((id) => id !== "")));
ofOwner.push(readMuted);
alsoElsewhere("muted", readMuted);

const markedRooms = new Changing<ReadonlyMap<string, string>>(new Map());
const readMarked = () => {
  const pairs = (kept(owned("marked")) ?? "").split(" ").map((pair) => pair.split(":"));
  markedRooms.set(new Map(pairs.flatMap(([room, message]) => (room && message ? [[room, message]] : []))));
};
ofOwner.push(readMarked);
alsoElsewhere("marked", readMarked);

/** From which message on a room was marked as unread by hand, until it is opened again. */
export const marked: Readable<ReadonlyMap<string, string>> = markedRooms;

export function setMarked(roomId: string, messageId: string | undefined): void {
  if (markedRooms.get().get(roomId) === messageId) return;
  const next = new Map(markedRooms.get());
  if (messageId === undefined) next.delete(roomId);
  else next.set(roomId, messageId);
  keep(owned("marked"), next.size === 0 ? undefined : [...next].map((pair) => pair.join(":")).join(" "));
  markedRooms.set(next);
}

/** Rooms that do not stand out when something is said in them. */
export const muted: Readable<ReadonlySet<string>> = mutedRooms;

export function setMuted(roomId: string, isMuted: boolean): void {
  const next = new Set(mutedRooms.get());
  if (isMuted) next.add(roomId);
  else next.delete(roomId);
  keep(owned("muted"), next.size === 0 ? undefined : [...next].join(" "));
  mutedRooms.set(next);
}

const DRAFT = "draft.";

function storedDrafts(): ReadonlySet<string> {
  try {
    const prefix = `multiplayer.${owned(DRAFT)}`;
    return new Set(
      Object.keys(localStorage)
        .filter((key) => key.startsWith(prefix))
        .map((key) => key.slice(prefix.length)),
    );
  } catch {
    return new Set();
  }
}

const draftPlaces = new Changing<ReadonlySet<string>>(new Set());
ofOwner.push(() => draftPlaces.set(storedDrafts()));

/** Where something is written but not sent: ids of rooms, or `room/root` of a thread. */
export const drafts: Readable<ReadonlySet<string>> = draftPlaces;

export function readDraft(place: string): string {
  return kept(owned(DRAFT + place)) ?? "";
}

export function writeDraft(place: string, words: string): void {
  const isEmpty = words.trim() === "";
  keep(owned(DRAFT + place), isEmpty ? undefined : words);
  if (draftPlaces.get().has(place) === !isEmpty) return;
  const next = new Set(draftPlaces.get());
  if (isEmpty) next.delete(place);
  else next.add(place);
  draftPlaces.set(next);
}

/** Puts theme and density on the page, now and whenever they change. */
export function applyPreferences(root: HTMLElement): () => void {
  const apply = () => {
    const chosen = theme.get();
    if (chosen === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen;
    root.dataset.density = density.get();
  };
  apply();
  const ends = [theme.subscribe(apply), density.subscribe(apply)];
  return () => {
    for (const end of ends) end();
  };
}
