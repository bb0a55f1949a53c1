"""Telling a room's sessions: lines encoded once, joined per tick, handed to every outbox as the same bytes."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from multiplayer.live.outbox import Chunk
from multiplayer.protocol.ids import AccountId, RoomId

TICK_S = 0.02
MAX_PENDING_BYTES = 256 * 1024


class Subscriber(Protocol):
    """A session that has joined the room."""

    @property
    def account_id(self) -> AccountId: ...

    def deliver(self, chunk: Chunk, first_seq: int | None) -> None:
        """Take lines of the room; `first_seq` is that of the first stored event among them, if there is one."""
        ...

    def fall_behind(self, room_id: RoomId) -> None:
        """What was told last may be missing pieces: read on from the log."""
        ...

    def start_over(self, room_id: RoomId, reason: str) -> None:
        """What was told of the room is void; it is not joined any more."""
        ...

    def show_out(self, room_id: RoomId, last_seq: int) -> None:
        """The membership ended with event `last_seq`, which is the last to be told."""
        ...


class Fanout:
    """One room's listeners. After quiet the first line goes at once; while lines keep coming they go by ticks."""

    def __init__(self, room_id: RoomId, before_flush: Callable[[], Iterable[bytes]]) -> None:
        """`before_flush` gives passing lines that were merged since the last tick (AI text)."""
        self._room_id = room_id
        self._before_flush = before_flush
        self._subscribers: dict[int, Subscriber] = {}
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._first_seq: int | None = None
        self._last_seq: int | None = None
        self._last_flush_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._subscribers)

    @property
    def subscribers(self) -> tuple[Subscriber, ...]:
        return tuple(self._subscribers.values())

    @property
    def accounts(self) -> frozenset[AccountId]:
        return frozenset(subscriber.account_id for subscriber in self._subscribers.values())

    def add(self, subscriber: Subscriber) -> None:
        """From here on `subscriber` hears everything. What was said before must have been flushed."""
        self._subscribers[id(subscriber)] = subscriber

    def discard(self, subscriber: Subscriber) -> None:
        self._subscribers.pop(id(subscriber), None)

    def events(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Tell stored events, each with its seq, in order."""
        for passing in self._before_flush():
            self._append(passing)
        for seq, line in lines:
            self._first_seq = seq if self._first_seq is None else self._first_seq
            self._last_seq = seq
            self._append(line)
        self.touch()

    def signal(self, line: bytes) -> None:
        self._append(line)
        self.touch()

    def touch(self) -> None:
        """Something waits: flush at once after quiet, else with the tick."""
        if self._pending_bytes >= MAX_PENDING_BYTES:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            # At once still means after this turn of the loop, so that what a batch says goes out in one write.
            due_s = max(loop.time(), self._last_flush_s + TICK_S)
            self._timer = loop.call_at(due_s, self.flush)

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for passing in self._before_flush():
            self._append(passing)
        if not self._pending:
            return
        self._last_flush_s = asyncio.get_running_loop().time()
        chunk = Chunk(b"\n".join(self._pending), len(self._pending), self._room_id, self._last_seq)
        first_seq = self._first_seq
        self._pending = []
        self._pending_bytes = 0
        self._first_seq = self._last_seq = None
        for subscriber in tuple(self._subscribers.values()):
            subscriber.deliver(chunk, first_seq)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _append(self, line: bytes) -> None:
        self._pending.append(line)
        self._pending_bytes += len(line)
