"""What a live room holds beside its state: the last messages, running texts, who is here and who types."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from multiplayer.ai.deltas import DeltaStream
from multiplayer.live.fanout import Fanout, Subscriber
from multiplayer.protocol.cards import Card
from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import Event, MessagePosted
from multiplayer.protocol.ids import AccountId, MessageId, RoomId, TurnId
from multiplayer.protocol.members import Presence
from multiplayer.protocol.messages import Message
from multiplayer.protocol.signals import AiCards, AiDelta, AiText, PresenceChanged, RoomSignal, Typing
from multiplayer.protocol.timeline import fold_message, message_of, touched_message
from multiplayer.protocol.turn_events import TurnEnded
from multiplayer.rooms.snapshot import RunningText
from multiplayer.rooms.typing_state import TYPING_S, TypingState

RECENT = 50
RECENT_CHARACTERS = 256 * 1024
"""A snapshot is one line; long answers must not make it longer than a client will read."""


class RoomMemory:
    """Kept by `tell`, which hears every committed event in order."""

    def __init__(self, room_id: RoomId, recent: Sequence[Message], monotonic_s: Callable[[], float]) -> None:
        self._room_id = room_id
        self._recent: dict[MessageId, Message | MessagePosted] = {message.id: message for message in recent}
        self._lines: dict[int, bytes] = {}
        self._streams: dict[TurnId, DeltaStream] = {}
        self._cards: dict[TurnId, tuple[Card, ...]] = {}
        self._typing = TypingState()
        self._typing_timer: asyncio.TimerHandle | None = None
        self._monotonic_s = monotonic_s
        self.fanout = Fanout(room_id, self._merged_deltas)

    @property
    def recent(self) -> Sequence[Message]:
        """The last messages, oldest first, as they stand now: as many as are no more than a screenful of bytes."""
        kept: list[Message] = []
        size = 0
        for message in (self._message(message_id) for message_id in reversed(tuple(self._recent))):
            size += len(message.text) + _spoken_characters(message)
            if kept and size > RECENT_CHARACTERS:
                break
            kept.append(message)
        return tuple(reversed(kept))

    @property
    def has_older(self) -> bool:
        """Whether there may be messages before those of `recent`."""
        return len(self._recent) >= RECENT or len(self.recent) < len(self._recent)

    @property
    def texts(self) -> Mapping[TurnId, RunningText]:
        """For each running turn what it has said so far, and the index of its next delta."""
        return {
            turn_id: RunningText(*stream.so_far, cards=self._cards.get(turn_id, ()))
            for turn_id, stream in self._streams.items()
        }

    def held(self, message_ids: Collection[MessageId]) -> dict[MessageId, Message]:
        return {message_id: self._message(message_id) for message_id in message_ids if message_id in self._recent}

    def replace_recent(self, recent: Sequence[Message]) -> None:
        """After a reload: take these, and let every listener read the log again."""
        self._recent = {message.id: message for message in recent}
        self._lines.clear()
        for subscriber in self.fanout.subscribers:
            subscriber.fall_behind(self._room_id)

    def start_over(self, reason: str) -> None:
        """What the listeners hold is void: each is told, and joins again."""
        for subscriber in self.fanout.subscribers:
            self.fanout.discard(subscriber)
            subscriber.start_over(self._room_id, reason)

    def note_lines(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Bring the encoded lines of events that `tell` will be given."""
        self._lines.update(lines)

    def tell(self, events: Sequence[Event]) -> None:
        """Take committed events: fold them, then tell their lines."""
        for event in events:
            self._fold(event)
        self.fanout.events((event.seq, self._lines.pop(event.seq)) for event in events)
        for event in events:
            if isinstance(event, TurnEnded):
                self._streams.pop(event.turn_id, None)
                self._cards.pop(event.turn_id, None)

    def signal(self, signal: RoomSignal) -> None:
        self.fanout.signal(encode(signal))

    def write(self, turn_id: TurnId, text: str) -> None:
        """Add words to a running turn's text; they go out merged, with the next tick."""
        self._streams.setdefault(turn_id, DeltaStream()).add(text)
        self.fanout.touch()

    def write_cards(self, turn_id: TurnId, cards: tuple[Card, ...]) -> None:
        """Add cards to a running turn's answer, behind the words that came before them."""
        self.fanout.flush()
        self._streams.setdefault(turn_id, DeltaStream())
        held = self._cards.get(turn_id, ())
        self._cards[turn_id] = (*held, *cards)
        self.signal(AiCards(room_id=self._room_id, turn_id=turn_id, offset=len(held), cards=cards))

    def restore_text(self, turn_id: TurnId, text: str, cards: tuple[Card, ...] = ()) -> None:
        """A turn taken over from another pod begins with what was checkpointed."""
        stream = DeltaStream()
        stream.add(text)
        stream.flush()
        self._streams[turn_id] = stream
        self._cards[turn_id] = cards
        index = stream.so_far[1]
        self.signal(AiText(room_id=self._room_id, turn_id=turn_id, index=index, text=text, cards=cards))

    def whole_texts(self) -> list[bytes]:
        """For whoever missed pieces: each running turn's text so far, as lines."""
        self.fanout.flush()
        return [
            encode(AiText(room_id=self._room_id, turn_id=turn_id, index=said.index, text=said.text, cards=said.cards))
            for turn_id, said in self.texts.items()
        ]

    def enter(self, subscriber: Subscriber) -> None:
        is_news = subscriber.account_id not in self.fanout.accounts
        if is_news:
            self._presence(subscriber.account_id, Presence.ONLINE)
        self.fanout.flush()
        self.fanout.add(subscriber)

    def exit(self, subscriber: Subscriber) -> None:
        self.fanout.discard(subscriber)
        if subscriber.account_id not in self.fanout.accounts:
            self.type(subscriber.account_id, is_typing=False)
            self._presence(subscriber.account_id, Presence.OFFLINE)

    def type(self, account_id: AccountId, *, is_typing: bool) -> None:
        if self._typing.set(account_id, is_typing=is_typing, now_s=self._monotonic_s()):
            self.signal(Typing(room_id=self._room_id, account_id=account_id, is_typing=is_typing))
        if is_typing and self._typing_timer is None:
            self._typing_timer = asyncio.get_running_loop().call_later(TYPING_S, self._end_typing)

    def close(self) -> None:
        if self._typing_timer is not None:
            self._typing_timer.cancel()
        self.fanout.close()

    def _end_typing(self) -> None:
        self._typing_timer = None
        for account_id in self._typing.expired(self._monotonic_s()):
            self.signal(Typing(room_id=self._room_id, account_id=account_id, is_typing=False))
        if not self._typing.is_quiet:
            self._typing_timer = asyncio.get_running_loop().call_later(1.0, self._end_typing)

    def _presence(self, account_id: AccountId, presence: Presence) -> None:
        if len(self.fanout):
            self.signal(PresenceChanged(room_id=self._room_id, account_id=account_id, presence=presence))

    def _merged_deltas(self) -> Iterable[bytes]:
        for turn_id, stream in self._streams.items():
            piece = stream.flush()
            if piece is not None:
                yield encode(
                    AiDelta(
                        room_id=self._room_id,
                        turn_id=turn_id,
                        index=piece.index,
                        offset=piece.offset,
                        text=piece.text,
                    )
                )

    def _fold(self, event: Event) -> None:
        if isinstance(event, MessagePosted):
            self._recent[event.message.id] = event
            if len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]
            self._typing.set(event.actor_id, is_typing=False, now_s=self._monotonic_s())
            return
        message_id = touched_message(event)
        if message_id is not None and message_id in self._recent:
            self._recent[message_id] = fold_message(self._message(message_id), event)

    def _message(self, message_id: MessageId) -> Message:
        """Return one of the last messages; it is made from its event when it is first looked at."""
        held = self._recent[message_id]
        if isinstance(held, MessagePosted):
            held = self._recent[message_id] = message_of(held)
        return held


def _spoken_characters(message: Message) -> int:
    return sum(len(file.transcript.text) for file in message.attachments if file.transcript is not None)
