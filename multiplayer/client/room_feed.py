"""One open room as the connection feeds it: its view, its readers, and where to go on after a break."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakSet

from multiplayer.client.lines import Line, Lines, RoomWord, UnknownLine, line_of
from multiplayer.client.view import View
from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import MemberLeft, MemberRemoved, RoomDeleted
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.requests import Join
from multiplayer.protocol.signals import Cursor, Joined, Reset


class RoomFeed:
    def __init__(self, room_id: RoomId, read_log: Callable[[Cursor], Awaitable[Sequence[Line]]]) -> None:
        self.room_id = room_id
        self.is_joining = False
        """A join is under way on the present connection."""
        self._read_log = read_log
        self._view: View | None = None
        self._epoch = ""
        self._end: BaseException | None = None
        self._opened = asyncio.Event()
        self._readers: WeakSet[Lines] = WeakSet()

    @property
    def join_id(self) -> str:
        """The answer id of this room's joins, so that a refusal finds its room."""
        return self.room_id

    @property
    def view(self) -> View:
        assert self._view is not None, "a room is handed out when it is open"
        return self._view

    @property
    def is_open(self) -> bool:
        """There was a first snapshot."""
        return self._view is not None

    @property
    def has_ended(self) -> bool:
        return self._end is not None

    async def opened(self) -> None:
        """Wait for the first snapshot. Raises what kept it away."""
        await self._opened.wait()
        if self._view is None and self._end is not None:
            raise self._end

    def join_request(self) -> Join:
        """Return the request that brings this feed up to date on a fresh connection."""
        self.is_joining = True
        after = Cursor(epoch=self._epoch, seq=self._view.seq) if self._view is not None else None
        return Join(id=self.join_id, room_id=self.room_id, after=after)

    def joined(self, joined: Joined, text: str, epoch: str) -> None:
        self.is_joining = False
        if joined.snapshot is None:
            return
        is_first = self._view is None
        if self._view is not None and joined.snapshot.seq != self._view.seq:
            # A snapshot in the middle voids what was read, whether or not a `reset` line said so before.
            reset = Reset(room_id=self.room_id, reason="the room begins anew from a snapshot")
            for reader in self._readers:
                reader.offer(Line(text, reset, None))
        self._view = View(joined.snapshot)
        self._epoch = epoch
        for reader in self._readers:
            reader.restart(joined.snapshot.seq)
        if is_first:
            self._opened.set()

    def take(self, text: str, word: RoomWord | UnknownLine, me: AccountId) -> None:
        """Fold a line in and hand it to the readers, unless it was here before."""
        line = line_of(text, word)
        view = self._view
        if view is None or (line.seq is not None and line.seq <= view.seq):
            return
        if isinstance(word, UnknownLine):
            if line.seq is not None:
                view.skip(line.seq)
        elif isinstance(word, EventFrame):
            view.apply(word)
        elif isinstance(word, Reset):
            # The snapshot that follows tells the readers.
            return
        else:
            view.signal(word)
        for reader in self._readers:
            reader.offer(line)
        match word:
            case MemberLeft() | MemberRemoved() if word.account_id == me:
                self.end(StopAsyncIteration())
            case RoomDeleted():
                self.end(StopAsyncIteration())
            case _:
                pass

    def end(self, reason: BaseException) -> None:
        self._end = self._end or reason
        self._opened.set()
        for reader in self._readers:
            reader.end(reason)

    def read(self, after: int | None) -> Lines:
        """Begin to read after event `after`, or with what comes from now on."""
        lines = Lines(
            self.view.seq if after is None else after, live_seq=lambda: self.view.seq, read_log=self._read_page
        )
        if self._end is not None:
            lines.end(self._end)
        self._readers.add(lines)
        return lines

    async def _read_page(self, seq: int) -> Sequence[Line]:
        return await self._read_log(Cursor(epoch=self._epoch, seq=seq))
