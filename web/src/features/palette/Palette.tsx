/** Jumps anywhere: rooms, people, actions of the keymap, and words of messages, by a few letters. */

import { Command } from "cmdk";
import {
  BookOpenText,
  ChartColumn,
  FolderTree,
  Link,
  Search,
  Settings,
  SquareTerminal,
  UserRound,
  Users,
  Zap,
} from "lucide-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomEntry } from "../../connection/types";
import { Avatar } from "../../ui/Avatar";
import { copyText } from "../../ui/copying";
import { Dialog } from "../../ui/Dialog";
import { Kbd } from "../../ui/Kbd";
import { paneAddress, searchAddress } from "../addresses";
import { useAct } from "../answers";
import { useClient, useReadable } from "../hooks";
import { focusComposer } from "../replying";
import { offeredActions, runAction } from "../shell/keymap";
import { type ActionName, keyLines } from "../shell/keys";
import type { PaneName } from "../shell/panes";
import { useKnownPeople } from "../suggesting/knownPeople";
import { fitOf, isByTopic, type LineWords } from "../suggesting/matching";
import { Group, HitLine, Icon, Line, nameOf, RoomLine } from "./lines";
import { useFound } from "./useFound";

export interface PaletteProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function Palette({ isOpen, onOpenChange }: PaletteProps) {
  const { t } = useTranslation();
  return (
    <Dialog isOpen={isOpen} onOpenChange={onOpenChange} title={t("palette.title")} isBare>
      <Lines onClose={() => onOpenChange(false)} />
    </Dialog>
  );
}

/** A place to go to, or something to do there. */
interface Page {
  readonly words: string;
  readonly icon: ReactNode;
  readonly open: () => void;
}

/** Without these the palette would do to itself, or to what has the focus no more once it is open. */
const NOT_HERE: ReadonlySet<ActionName> = new Set([
  "palette",
  "closeLayer",
  "blurComposer",
  "nextMessage",
  "previousMessage",
  "reply",
  "thread",
  "edit",
  "react",
  "approve",
  "deny",
  "nextLandmark",
  "previousLandmark",
]);

function Lines({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation();
  const client = useClient();
  const [location, navigate] = useLocation();
  const [words, setWords] = useState("");
  const { run } = useAct();
  const roomId = /^\/r\/([^/]+)/.exec(location)?.[1];
  const rooms = byUse([...(useReadable(client.rooms)?.values() ?? [])], roomId);
  const people = useKnownPeople(roomId);
  const found = useFound(words);
  const here = rooms.find((room) => room.id === roomId);
  const asked = words.trim();

  const go = (address: string) => {
    onClose();
    navigate(address);
  };
  // Once the palette has given the focus back, so that the field of the room can have it.
  const goInto = (id: string) => {
    onClose();
    window.setTimeout(() => {
      focusComposer(id);
      navigate(`/r/${id}`);
    });
  };
  const write = (handle: string) => {
    onClose();
    void run(async () => {
      const made = await client.rest.call("POST /api/v1/rooms/direct", { body: { handles: [handle] } });
      focusComposer(made.room.id);
      navigate(`/r/${made.room.id}`);
    });
  };
  // What is open closes first, so that the action finds the page as it was.
  const act = (name: ActionName) => {
    onClose();
    window.setTimeout(() => runAction(name));
  };

  const myName = client.me.display_name;
  const ofRoom = (room: RoomEntry): LineWords => ({ names: [nameOf(room, myName)], topic: room.topic });
  const shownRooms = fitting(words, rooms, ofRoom, 7);
  const [bestRoom] = shownRooms;
  const areByTopic = bestRoom !== undefined && isByTopic(fitOf(words, ofRoom(bestRoom)));
  const shownPeople = fitting(
    words,
    people,
    (one) => ({ names: [one.display_name, one.handle] }),
    asked === "" ? 4 : 5,
  );
  const offered = new Set(offeredActions());
  const actions = keyLines.filter((line) => line.actions.some((name) => offered.has(name) && !NOT_HERE.has(name)));
  const shownActions = fitting(words, actions, (line) => ({ phrase: t(`shell.shortcuts.actions.${line.line}`) }), 6);
  const copyAddress = () => {
    onClose();
    void run(() => copyText(window.location.href), t("palette.copied"));
  };
  const pane = (name: PaneName) => () => here !== undefined && go(paneAddress(here.id, name));
  const pages: readonly Page[] = [
    ...(here === undefined ? [] : [{ words: t("palette.members"), icon: <Users size={15} />, open: pane("members") }]),
    ...(here === undefined || here.kind === "direct"
      ? []
      : [
          {
            words: t("palette.roomSettings"),
            icon: <Settings size={15} />,
            open: () => go(`/r/${here.id}/settings/general`),
          },
        ]),
    { words: t("palette.account"), icon: <UserRound size={15} />, open: () => go("/settings/account") },
    { words: t("palette.copyAddress"), icon: <Link size={15} />, open: copyAddress },
    ...(here === undefined
      ? []
      : [
          { words: t("palette.files"), icon: <FolderTree size={15} />, open: pane("files") },
          { words: t("palette.context"), icon: <BookOpenText size={15} />, open: pane("context") },
          { words: t("palette.terminal"), icon: <SquareTerminal size={15} />, open: pane("terminal") },
          { words: t("palette.usage"), icon: <ChartColumn size={15} />, open: pane("usage") },
        ]),
  ];
  const shownPages = fitting(words, pages, (page) => ({ phrase: page.words }), 4);

  const roomLines = shownRooms.length > 0 && (
    <Group title={t("palette.rooms")}>
      {shownRooms.map((room) => (
        <Line key={room.id} value={`room ${room.id}`} onSelect={() => goInto(room.id)}>
          <RoomLine room={room} name={nameOf(room, myName)} />
        </Line>
      ))}
    </Group>
  );

  return (
    <Command shouldFilter={false} label={t("palette.title")} loop className="flex h-[min(32rem,80dvh)] flex-col">
      <div className="flex items-center gap-3 border-b border-line px-4">
        <Search aria-hidden="true" size={18} className="shrink-0 text-ink-3" />
        <Command.Input
          autoFocus
          value={words}
          onValueChange={setWords}
          placeholder={t("palette.input")}
          className="h-13 min-w-0 flex-1 bg-transparent text-body outline-none"
        />
      </div>
      <Command.List className="min-h-0 flex-1 scroll-py-2 overflow-y-auto overscroll-contain p-2">
        {asked === "" && <Command.Empty>{t("palette.nothing")}</Command.Empty>}
        {!areByTopic && roomLines}
        {shownPeople.length > 0 && (
          <Group title={t("palette.people")}>
            {shownPeople.map((one) => (
              <Line key={one.account_id} value={`person ${one.account_id}`} onSelect={() => write(one.handle)}>
                <Avatar name={one.display_name} seed={one.account_id} isAi={one.kind === "ai"} size="sm" />
                <bdi className="truncate">{one.display_name}</bdi>
                <span className="truncate text-meta text-ink-3">@{one.handle}</span>
              </Line>
            ))}
          </Group>
        )}
        {shownActions.length + shownPages.length > 0 && (
          <Group title={t("palette.actions")}>
            {shownActions.map((line) => {
              const name = line.actions.find((one) => offered.has(one) && !NOT_HERE.has(one));
              return (
                <Line
                  key={line.line}
                  value={`action ${line.line}`}
                  onSelect={() => {
                    if (name !== undefined) act(name);
                  }}
                >
                  <Icon icon={<Zap size={15} />} />
                  <span className="min-w-0 flex-1 truncate">{t(`shell.shortcuts.actions.${line.line}`)}</span>
                  {line.keys[0] !== undefined && <Kbd keys={line.keys[0]} />}
                </Line>
              );
            })}
            {shownPages.map((page) => (
              <Line key={page.words} value={`page ${page.words}`} onSelect={page.open}>
                <Icon icon={page.icon} />
                <span className="truncate">{page.words}</span>
              </Line>
            ))}
          </Group>
        )}
        {areByTopic && roomLines}
        {asked !== "" && (
          <Group title={t("palette.messages")}>
            {found.hits.map((hit) => (
              <Line
                key={hit.message.id}
                value={`message ${hit.message.id}`}
                onSelect={() => go(`/r/${hit.room_id}/m/${hit.message.id}`)}
              >
                <HitLine hit={hit} room={rooms.find((room) => room.id === hit.room_id)} />
              </Line>
            ))}
            {here !== undefined && (
              <Line value="search here" onSelect={() => go(searchAddress(asked, here.id))}>
                <Icon icon={<Search size={15} />} />
                <span className="truncate">{t("palette.searchHere", { words: asked })}</span>
              </Line>
            )}
            <Line value="search all" onSelect={() => go(searchAddress(asked))}>
              <Icon icon={<Search size={15} />} />
              <span className="truncate">{t("palette.searchFor", { words: asked })}</span>
              {found.isLoading && <span className="ms-auto text-meta text-ink-3">{t("palette.looking")}</span>}
            </Line>
          </Group>
        )}
      </Command.List>
      <p
        aria-hidden="true"
        className="flex gap-4 border-t border-line px-4 py-2 text-meta text-ink-3 pointer-coarse:hidden"
      >
        <span className="inline-flex items-center gap-1.5">
          <Kbd keys="ArrowUp" />
          <Kbd keys="ArrowDown" /> {t("palette.hint.move")}
        </span>
        <span className="inline-flex items-center gap-1.5">
          <Kbd keys="Enter" /> {t("palette.hint.open")}
        </span>
        <span className="inline-flex items-center gap-1.5">
          <Kbd keys="Escape" /> {t("palette.hint.close")}
        </span>
      </p>
    </Command>
  );
}

/** Where something waits first, then by name; what is archived, and the room that is open already, last. */
function byUse(rooms: readonly RoomEntry[], openId: string | undefined): readonly RoomEntry[] {
  const rank = (room: RoomEntry) =>
    room.isArchived ? 4 : room.id === openId ? 3 : room.mentions > 0 ? 0 : room.unread > 0 ? 1 : 2;
  return [...rooms].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}

function fitting<T>(
  written: string,
  lines: readonly T[],
  wordsOf: (line: T) => LineWords,
  atMost: number,
): readonly T[] {
  if (written.trim() === "") return lines.slice(0, atMost);
  return lines
    .map((line) => ({ line, fit: fitOf(written, wordsOf(line)) }))
    .filter((one) => one.fit > 0)
    .sort((one, other) => other.fit - one.fit)
    .slice(0, atMost)
    .map((one) => one.line);
}
