"""A room as a program uses it: look at its view, send, command, and read what happens in order."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ulid import ULID

from multiplayer.client.connection import Connection
from multiplayer.client.lines import Lines, RoomWord, Words
from multiplayer.client.rest import Rest
from multiplayer.client.room_feed import RoomFeed
from multiplayer.client.view import View
from multiplayer.protocol.commands import Command, PostMessage, SetTyping
from multiplayer.protocol.events import TurnCollected, TurnRequested
from multiplayer.protocol.ids import MessageId, RoomId, TurnId
from multiplayer.protocol.messages import Message
from multiplayer.protocol.requests import Request
from multiplayer.protocol.signals import Accepted, Cursor


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored message: its number in the room's log, and its id (which is the message's id too)."""

    seq: int
    event_id: str
    key: str

    @property
    def message_id(self) -> MessageId:
        return MessageId(self.event_id)


class Room:
    """Made by `Client.room`. Stays up to date until `leave`, the end of the client, or of the membership."""

    def __init__(self, feed: RoomFeed, connection: Connection, rest: Rest) -> None:
        self._feed = feed
        self._connection = connection
        self._rest = rest

    @property
    def id(self) -> RoomId:
        return self._feed.room_id

    @property
    def name(self) -> str:
        return self.view.room.name

    @property
    def view(self) -> View:
        """The room as it is now: members, messages, turns and their words so far."""
        return self._feed.view

    async def send(self, text: str, *, reply_to: MessageId | None = None, key: str | None = None) -> Sent:
        """Post a message and return when it is stored. The same `key` again is the same message, never a second one.

        Raises `Refused` (nothing stored), `NotSignedIn`, or `ConnectionLost` with the key to send it again under.
        """
        key = key or str(ULID())
        accepted = await self.command(PostMessage(text=text, reply_to=reply_to), key=key)
        assert accepted.seq is not None, "a message is an event"
        assert accepted.event_id is not None, "an event has an id"
        return Sent(accepted.seq, accepted.event_id, key)

    async def command(self, command: Command, *, key: str | None = None) -> Accepted:
        """Carry out any command; its acceptance has a seq if it caused an event. As `send`; typing is tried once."""
        given = None if isinstance(command, SetTyping) else key or str(ULID())
        return await self._connection.submit(Request(id=str(ULID()), room_id=self.id, key=given, command=command))

    def events(self, *, after: int | None = None) -> Words:
        """Return what happens from now on, or after event `after`, as an async iterator of events and signals.

        Each event comes once and in order, over any number of reconnections; signals may be lost on the way. After a
        `reset` the log is another one (a restored database): look at `view`. Ends with the membership or the client.
        """
        return Words(self.lines(after=after))

    def lines(self, *, after: int | None = None) -> Lines:
        """As `events`, with each line's text exactly as the server sent it."""
        return self._feed.read(after)

    async def wait_for(
        self, predicate: Callable[[RoomWord], bool], timeout_s: float, *, after: int | None = None
    ) -> RoomWord:
        """Return the first event or signal that `predicate` holds for. Raises `TimeoutError`.

        Give `after` (`sent.seq`) for what may have happened before this call. Raises `EOFError` if the room ends.
        """
        words = self.events(after=after)
        async with asyncio.timeout(timeout_s):
            async for word in words:
                if predicate(word):
                    return word
        raise EOFError("the room ended before it came")

    async def turns_of(self, sent: Sent) -> Sequence[TurnId]:
        """Return the turns of AI members that this message asked for; they may be waiting, running or done."""
        epoch = self._connection.welcome.epoch if self._connection.welcome else ""
        # What a command causes is stored at once and in a row, so it stands right behind the message.
        page = await self._rest.events(self.id, Cursor(epoch=epoch, seq=sent.seq), limit=50)
        return [
            line.word.turn_id
            for line in page
            if isinstance(line.word, TurnRequested | TurnCollected) and line.word.message_id == sent.event_id
        ]

    async def history(self, *, before: MessageId | None = None, limit: int = 50) -> Sequence[Message]:
        """Return the last messages before one, oldest first."""
        return await self._rest.messages(self.id, before=before, limit=limit)

    async def leave(self) -> None:
        """Stop following the room here; the membership stays."""
        await self._connection.leave(self._feed)
