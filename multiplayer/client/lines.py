"""What a client reads of a room, in order: typed lines in bounded memory, the log wherever the live ones do not reach."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from multiplayer.protocol.event_frame import EventFrame
from multiplayer.protocol.events import Event
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.signals import (
    Accepted,
    Closing,
    Joined,
    Pong,
    ReadMarked,
    RefusedLine,
    Reset,
    RoomActivity,
    RoomAdded,
    RoomRemoved,
    RoomSignal,
    ServerDraining,
    ServerLine,
    SessionExpiring,
    Welcome,
    server_line_adapter,
)

MAX_WAITING = 10_000
"""Live lines kept for a reader that is slow; beyond them it reads on from the log and misses signals only."""

RoomWord = Event | RoomSignal
SessionWord = (
    Welcome
    | Joined
    | Accepted
    | RefusedLine
    | Pong
    | Closing
    | ServerDraining
    | ReadMarked
    | RoomAdded
    | RoomRemoved
    | RoomActivity
    | SessionExpiring
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a room: `text` exactly as received, and what it says. A newer server's unknown kinds have no `word`."""

    text: str
    word: RoomWord | None
    seq: int | None
    """The event's number; None for a signal."""


@dataclass(frozen=True, slots=True)
class UnknownLine:
    """A line of a kind, or with a field, that this version does not know. `seq` and `room_id` are read if there."""

    room_id: RoomId | None
    seq: int | None


def parse_line(text: str) -> ServerLine | UnknownLine | None:
    """Read one line of the server; None for what is not a JSON object at all."""
    try:
        return server_line_adapter.validate_json(text)
    except ValidationError:
        try:
            body: object = json.loads(text)
        except ValueError:
            return None
    if not isinstance(body, dict):
        return None
    room_id, seq = body.get("room_id"), body.get("seq")
    # `joined` and `accepted` have a seq too, but are answers.
    is_event = isinstance(seq, int) and "re" not in body
    return UnknownLine(RoomId(room_id) if isinstance(room_id, str) else None, seq if is_event else None)


def line_of(text: str, word: RoomWord | UnknownLine) -> Line:
    if isinstance(word, UnknownLine):
        return Line(text, None, word.seq)
    return Line(text, word, word.seq if isinstance(word, EventFrame) else None)


class Lines:
    """One reader's way through a room: no event is left out or comes twice, over any number of reconnections.

    Async iterator of `Line`. Ends when the client closes or the membership ends; raises what ended the room otherwise.
    After a `reset` line the events before it are void: look at the room's view.
    """

    def __init__(
        self, after: int, *, live_seq: Callable[[], int], read_log: Callable[[int], Awaitable[Sequence[Line]]]
    ) -> None:
        """`read_log` returns the next page of events after a seq, as far as they are stored."""
        self._seq = after
        """The last event that was put into the queue."""
        self._live_seq = live_seq
        self._read_log = read_log
        self._waiting: deque[Line] = deque()
        self._ready = asyncio.Event()
        self._is_behind = after < live_seq()
        self._end: BaseException | None = None

    def offer(self, line: Line) -> None:
        """Take the room's next live line."""
        if isinstance(line.word, Reset):
            self._waiting.clear()
        elif self._is_behind:
            return
        elif len(self._waiting) >= MAX_WAITING:
            self._is_behind = True
            return
        elif line.seq is not None:
            if line.seq <= self._seq:
                return
            assert line.seq == self._seq + 1, f"gap: at {self._seq}, got {line.seq}"
            self._seq = line.seq
        self._put(line)

    def restart(self, seq: int) -> None:
        """A snapshot, true at `seq`, took the place of what was read before."""
        self._seq = seq
        self._is_behind = False

    def end(self, reason: BaseException) -> None:
        """Let the reader take what is there, then raise `reason`; `StopAsyncIteration` is a good end."""
        self._end = self._end or reason
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[Line]:
        return self

    async def __anext__(self) -> Line:
        (line,) = await self.batch(1)
        return line

    async def batch(self, most: int) -> Sequence[Line]:
        """Return what is there, at least one and at most `most` lines. Always lets other tasks run first.

        Raises what `anext` does.
        """
        await asyncio.sleep(0)
        while not self._waiting:
            if self._is_behind:
                await self._read_on()
            elif self._end is not None:
                raise self._end
            else:
                self._ready.clear()
                await self._ready.wait()
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    async def _read_on(self) -> None:
        before = self._seq
        page = await self._read_log(before)
        if self._seq != before or not self._is_behind:
            # A snapshot came meanwhile: what was asked for is void.
            return
        for line in page:
            assert line.seq == self._seq + 1, f"gap in the log: at {self._seq}, got {line.seq}"
            self._seq = line.seq
            self._put(line)
        # From here to the next await nothing live can come between.
        self._is_behind = bool(page) and self._seq < self._live_seq()
        if not page:
            self._seq = max(self._seq, self._live_seq())

    def _put(self, line: Line) -> None:
        self._waiting.append(line)
        self._ready.set()


class Words:
    """`Lines` without their texts: typed events and signals. What this version does not know is left out."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __aiter__(self) -> AsyncIterator[RoomWord]:
        return self

    async def __anext__(self) -> RoomWord:
        while True:
            line = await anext(self._lines)
            if line.word is not None:
                return line.word
