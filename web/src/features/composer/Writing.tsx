/** The field with all that stands around it: what it answers, its files, names that fit, what sending comes to. */

import { Mic, SendHorizontal } from "lucide-react";
import { type KeyboardEvent, useCallback, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomClient } from "../../connection/types";
import { mayHere } from "../../room/rights";
import { classes } from "../../ui/classes";
import { isFocusNear } from "../../ui/focusBack";
import { IconButton } from "../../ui/IconButton";
import { Spinner } from "../../ui/Spinner";
import { isTouched } from "../../ui/touch";
import { paneAddress, searchAddress } from "../addresses";
import { useClient, useMe, useReadable, useRoomState } from "../hooks";
import { useMedia } from "../media";
import { usePeople } from "../people";
import { readDraft, writeDraft } from "../preferences";
import { aimComposer, editMessage, useComposerTarget } from "../replying";
import { readLine, withCommand } from "../suggesting/slash";
import { optionId, type Suggestion } from "../suggesting/suggestion";
import { AttachButton } from "./AttachButton";
import { BelowField } from "./BelowField";
import { DropHere, FileChips, Suggestions, TargetBar, VoiceNote, WaitingMessages } from "./fetched";
import { GrowingField } from "./GrowingField";
import { placeOf } from "./givenBack";
import { meaningOf } from "./keys";
import { lengthLeft } from "./length";
import { canRecord } from "./recording";
import { costOf, lastOwn, queueing, roomTitle, stoppable } from "./room";
import { useAttaching } from "./useAttaching";
import { useFieldActions } from "./useFieldActions";
import { useGivenBack } from "./useGivenBack";
import { type Opened, useSending } from "./useSending";
import { useSuggestions } from "./useSuggestions";
import { useUploads } from "./useUploads";
import { Windows } from "./Windows";

export interface WritingProps {
  readonly room: RoomClient;
  readonly threadRoot: string | undefined;
}

export function Writing({ room, threadRoot }: WritingProps) {
  const { t } = useTranslation();
  const client = useClient();
  const me = useMe();
  const people = usePeople(room);
  const [, navigate] = useLocation();
  const listId = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const place = placeOf(room.id, threadRoot);

  const [text, setText] = useState(() => readDraft(place));
  const [caret, setCaret] = useState(text.length);
  const [isComposing, setComposing] = useState(false);
  const [isRecording, setRecording] = useState(false);
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  /** Came back: to be sent again or changed, not completed. */
  const [given, setGiven] = useState<string>();
  const [askedCost, setAskedCost] = useState<string>();

  const state = useRoomState(room, (value) => value);
  const limits = useReadable(client.limits);
  const target = useComposerTarget(room.id, threadRoot);
  const uploads = useUploads(room.id, threadRoot);
  const items = useReadable(uploads.items);
  const waiting = useReadable(uploads.waiting);
  const isWide = useMedia("(min-width: 768px)");
  const suggesting = useSuggestions(room, state, me.id, text, caret, !isRecording && text !== given);

  const title = state === undefined ? "" : roomTitle(state, me.id);
  const mayAttach = state !== undefined && mayHere(state, me.id, "attach");
  const left = lengthLeft(text, { text: limits.text ?? 32_000, bytes: limits.text_bytes ?? 61_440 });
  const aimedTurn = target?.kind === "steer" ? target.id : undefined;
  const isWords = text.trim() !== "" && suggesting.kind !== "command" && readLine(text).kind === "text";
  const way = state === undefined || !isWords ? undefined : queueing(state, me.id, aimedTurn);
  const stop = state === undefined ? undefined : stoppable(state, me.id);
  const cost = state === undefined ? undefined : costOf(state, me.id, text, askedCost);

  const write = useCallback(
    (next: string, at: number) => {
      setText(next);
      setCaret(at);
      writeDraft(place, next);
    },
    [place],
  );
  const onSent = useCallback(() => {
    write("", 0);
    room.setTyping(false);
    aimComposer(room.id, threadRoot, undefined);
  }, [write, room, threadRoot]);
  const onOpen = useCallback(
    (opened: Opened) => {
      if (opened.kind === "cost") return setAskedCost(opened.text);
      write("", 0);
      if (opened.kind === "pane") navigate(paneAddress(room.id, opened.pane));
      else if (opened.kind === "search") navigate(searchAddress(opened.words, room.id));
      else if (opened.kind === "help") setHelpOpen(true);
      else setLeaving(true);
    },
    [write, navigate, room.id],
  );
  const sending = useSending({ room, meId: me.id, threadRoot, target, uploads, text, onSent, onOpen });
  const mayLeave = (text.trim() !== "" || items.length > 0) && (left === undefined || left >= 0) && sending.waitS === 0;

  const moveTo = useFieldActions({
    room,
    field,
    text,
    stop: threadRoot === undefined ? stop : undefined,
    aimed: target,
  });
  const { isOver, attach, paste } = useAttaching(uploads, mayAttach, limits.text ?? 32_000, () =>
    field.current?.focus(),
  );

  useGivenBack({ place, field, text, isComposing, write, moveTo, onGiven: setGiven });

  function take(suggestion: Suggestion | undefined) {
    const written = suggesting.take(suggestion);
    if (written === undefined) return;
    write(written.text, written.caret);
    moveTo(written.caret);
  }

  function change(next: string, at: number) {
    write(next, at);
    setAskedCost(undefined);
    sending.clearProblem();
    room.setTyping(next.trim() !== "" && !next.startsWith("/"));
  }

  function keyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    const { key, shiftKey, altKey, ctrlKey, metaKey, keyCode } = event;
    const meaning = meaningOf(
      { key, shiftKey, altKey, ctrlKey, metaKey, keyCode, isComposing: event.nativeEvent.isComposing },
      { isListOpen: suggesting.kind !== undefined, isEmpty: text === "" },
    );
    switch (meaning) {
      case undefined:
      case "newline":
        return;
      case "leave":
        // Without a target the keymap goes on: leave the text, else stop the turn.
        if (target === undefined) return;
        aimComposer(room.id, threadRoot, undefined);
        break;
      case "edit_last": {
        // What was written last is still on its way: an older one is not meant.
        if (waiting.length > 0 || room.pending.get().some((one) => one.state !== "refused")) return;
        const own = state === undefined ? undefined : lastOwn(state, me.id, threadRoot);
        if (own === undefined) return;
        editMessage(room.id, threadRoot, own.id);
        break;
      }
      case "next":
      case "previous":
        suggesting.move(meaning === "next" ? 1 : -1);
        break;
      case "take":
        take(suggesting.items[suggesting.chosen]);
        break;
      case "close":
        suggesting.close();
        break;
      case "send":
      case "queue":
        if (mayLeave) sending.submit(meaning);
    }
    event.preventDefault();
  }

  const isListOpen = suggesting.kind !== undefined && !isComposing;
  const aimedAi = aimedTurn === undefined ? undefined : state?.turns.get(aimedTurn)?.ai_id;
  const placeholder =
    aimedAi !== undefined
      ? t("composer.placeholderSteer", { name: people.name(aimedAi) })
      : threadRoot !== undefined
        ? t("composer.labelThread")
        : t(isWide ? "composer.placeholderLong" : "composer.placeholder", { room: title });
  return (
    <div ref={box} className="relative">
      {isListOpen && (
        <Suggestions
          listId={listId}
          label={t(suggesting.kind === "command" ? "composer.commands.label" : "composer.mentions.label")}
          items={suggesting.items}
          chosen={suggesting.chosen}
          onChoose={suggesting.choose}
          onTake={take}
        />
      )}
      <div
        className={classes(
          "rounded-composer border border-line-strong bg-surface shadow-raised transition-colors",
          "has-[textarea:focus-visible]:border-accent has-[textarea:focus-visible]:ring-1 has-[textarea:focus-visible]:ring-accent",
        )}
      >
        {target !== undefined && (
          <TargetBar room={room} target={target} onCancel={() => aimComposer(room.id, threadRoot, undefined)} />
        )}
        {waiting.length > 0 && (
          <WaitingMessages
            messages={waiting}
            onTakeBack={(key) => {
              field.current?.focus();
              uploads.takeBack(key);
            }}
          />
        )}
        {items.length > 0 && <FileChips items={items} uploads={uploads} />}
        {isRecording ? (
          <VoiceNote
            onEnd={(file) => {
              setRecording(false);
              // A keyboard on the screen would come up over the room.
              if (isFocusNear(box.current) && !isTouched()) moveTo(text.length);
              if (file !== undefined) uploads.add([file], true);
            }}
          />
        ) : (
          <div className="flex items-end gap-1 p-1.5">
            {mayAttach && <AttachButton onFiles={(files) => attach({ files, folders: [] })} />}
            <GrowingField
              field={field}
              value={text}
              dir="auto"
              enterKeyHint="send"
              data-landmark-focus
              data-keeps-escape={isListOpen || target !== undefined ? "" : undefined}
              placeholder={placeholder}
              aria-label={threadRoot === undefined ? t("composer.label", { room: title }) : t("composer.labelThread")}
              // A textarea may not be called a combobox; what belongs to one it may have.
              aria-autocomplete="list"
              aria-haspopup="listbox"
              aria-controls={isListOpen ? listId : undefined}
              aria-activedescendant={isListOpen ? optionId(listId, suggesting.chosen) : undefined}
              onChange={(event) => change(event.target.value, event.target.selectionStart)}
              onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
              onCompositionStart={() => setComposing(true)}
              onCompositionEnd={() => setComposing(false)}
              onKeyDown={keyDown}
              onPaste={paste}
              className={mayAttach ? "" : "ps-3"}
            />
            {mayAttach && canRecord() && text === "" && items.length === 0 && (
              <IconButton
                label={t("composer.voice")}
                icon={<Mic size={18} />}
                className="size-9"
                onClick={() => setRecording(true)}
              />
            )}
            <IconButton
              label={t("composer.send")}
              data-send=""
              icon={sending.isBusy ? <Spinner size={18} /> : <SendHorizontal size={18} />}
              variant={mayLeave ? "primary" : "ghost"}
              shortcut="Enter"
              className="size-9"
              disabled={!mayLeave}
              onClick={() => {
                sending.submit("send");
                field.current?.focus();
              }}
            />
          </div>
        )}
      </div>
      <span role="status" className="sr-only">
        {isListOpen &&
          t(suggesting.kind === "command" ? "composer.commands.found" : "composer.mentions.found", {
            count: suggesting.items.length,
          })}
      </span>
      <BelowField
        room={room}
        sending={sending}
        left={left}
        way={way}
        cost={cost}
        onCloseCost={() => setAskedCost(undefined)}
      />
      {isOver && <DropHere into={title} />}
      <Windows
        room={room}
        title={title}
        isHelpOpen={isHelpOpen}
        onHelpClose={() => setHelpOpen(false)}
        onTake={(command) => {
          setHelpOpen(false);
          const written = withCommand("/", 1, command);
          write(written.text, written.caret);
          moveTo(written.caret);
        }}
        isLeaving={isLeaving}
        onLeavingChange={setLeaving}
      />
    </div>
  );
}
