"""The recent events of busy rooms in memory, in front of `events_after`: a reconnect storm costs few statements."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from multiplayer.protocol.ids import RoomId
from multiplayer.storage.port import StorageUnavailable, StoredEvent

# What an entry costs beside its line: the object, its id, its place.
_OVERHEAD_BYTES: Final = 250
# Nothing else in a line can look like this: within a text the quotes are escaped.
_REDACTING: Final = (
    b'"type":"message_deleted"',
    b'"type":"fact_forgotten"',
    b'"state":"removed"',
    b'"is_erased":true',
    b'"type":"turn_ended"',  # what a deleted message asked for goes when its turn ends
)


class EventsAfter(Protocol):
    async def events_after(self, room_id: RoomId, seq: int, *, limit: int) -> Sequence[StoredEvent]: ...


@dataclass
class _Recent:
    """The last events of a room, without a gap."""

    events: deque[StoredEvent] = field(default_factory=deque)
    size: int = 0

    @property
    def last(self) -> int:
        return self.events[-1].seq

    @property
    def before(self) -> int:
        """The seq after which everything is held."""
        return self.events[0].seq - 1

    def after(self, seq: int, limit: int) -> list[StoredEvent]:
        start = seq - self.before
        return [self.events[i] for i in range(start, min(start + limit, len(self.events)))]


@dataclass
class _Flight:
    """A read from the database that others may share. None as the answer: the reader went away, read for yourself."""

    seq: int
    limit: int
    version: int
    answer: "asyncio.Future[Sequence[StoredEvent] | StorageUnavailable | None]"

    def covers(self, seq: int, version: int) -> bool:
        return version == self.version and self.seq <= seq < self.seq + self.limit


class CachedLog:
    """Least recently used rooms go first. Whoever commits or learns of events tells it, in order, by `remember`."""

    def __init__(self, log: EventsAfter, *, events_per_room: int = 1_000, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._log = log
        self._events_per_room = events_per_room
        self._max_bytes = max_bytes
        self._rooms: OrderedDict[RoomId, _Recent] = OrderedDict()
        self._size = 0
        self._version = 0
        """Moved when lines were redacted: what was read before must not be kept."""
        self._flights: dict[RoomId, list[_Flight]] = {}

    @property
    def size(self) -> int:
        """Bytes held, about."""
        return self._size

    async def events_after(
        self, room_id: RoomId, seq: int, *, limit: int, up_to: int | None = None
    ) -> Sequence[StoredEvent]:
        """As `RoomLog.events_after`, but an answer that is not empty may be short of `limit` though there is more.

        Who knows that the room stands at `up_to` is told that there is nothing more without a look at the database.
        """
        if up_to is not None and seq >= up_to:
            return []
        recent = self._rooms.get(room_id)
        if recent is not None and recent.before <= seq < recent.last:
            self._rooms.move_to_end(room_id)
            return recent.after(seq, limit)
        return await self._read(room_id, seq, limit)

    def remember(self, room_id: RoomId, events: Sequence[StoredEvent]) -> None:
        """Take events that were committed. One that redacts earlier lines makes it forget what it holds before."""
        last = next((i for i in reversed(range(len(events))) if _redacts(events[i])), None)
        if last is not None:
            self.forget(room_id)
            events = events[last:]
        self._keep(room_id, events)

    def forget(self, room_id: RoomId) -> None:
        """Drop what is held of the room: lines were redacted, or the room is gone."""
        self._version += 1
        recent = self._rooms.pop(room_id, None)
        if recent is not None:
            self._size -= recent.size

    def forget_all(self) -> None:
        """Drop everything: the database is another one (its epoch has changed)."""
        self._version += 1
        self._rooms.clear()
        self._size = 0

    async def _read(self, room_id: RoomId, seq: int, limit: int) -> Sequence[StoredEvent]:
        flights = self._flights.setdefault(room_id, [])
        shared = next((flight for flight in flights if flight.covers(seq, self._version)), None)
        if shared is not None:
            answer = await asyncio.shield(shared.answer)
            if answer is None:
                return await self.events_after(room_id, seq, limit=limit)
            if isinstance(answer, StorageUnavailable):
                raise StorageUnavailable(*answer.args) from answer
            return [event for event in answer if event.seq > seq][:limit]
        flight = _Flight(seq, limit, self._version, asyncio.get_running_loop().create_future())
        flights.append(flight)
        try:
            events = await self._log.events_after(room_id, seq, limit=limit)
            flight.answer.set_result(events)
        except StorageUnavailable as error:
            flight.answer.set_result(error)
            raise
        finally:
            if not flight.answer.done():
                flight.answer.set_result(None)
            flights.remove(flight)
            if not flights and self._flights.get(room_id) is flights:
                del self._flights[room_id]
        if flight.version == self._version:
            self._keep(room_id, events)
        return events

    def _keep(self, room_id: RoomId, events: Sequence[StoredEvent]) -> None:
        if not events:
            return
        recent = self._rooms.get(room_id)
        if recent is None or events[0].seq > recent.last + 1:
            # Nothing there, or a hole between: the newer part is the one that will be asked for.
            if recent is not None:
                self._size -= recent.size
            recent = self._rooms[room_id] = _Recent()
            self._extend(recent, events)
        elif events[-1].seq > recent.last:
            self._extend(recent, [event for event in events if event.seq > recent.last])
        elif events[-1].seq >= recent.before:
            self._extend_before(recent, [event for event in events if event.seq <= recent.before])
        self._rooms.move_to_end(room_id)
        while self._size > self._max_bytes:
            _, oldest = self._rooms.popitem(last=False)
            self._size -= oldest.size

    def _extend(self, recent: _Recent, events: Sequence[StoredEvent]) -> None:
        for event in events:
            recent.events.append(event)
            self._count(recent, _bytes(event))
            if len(recent.events) > self._events_per_room:
                self._count(recent, -_bytes(recent.events.popleft()))

    def _extend_before(self, recent: _Recent, events: Sequence[StoredEvent]) -> None:
        for event in reversed(events):
            if len(recent.events) >= self._events_per_room:
                break
            recent.events.appendleft(event)
            self._count(recent, _bytes(event))

    def _count(self, recent: _Recent, size: int) -> None:
        recent.size += size
        self._size += size


def _redacts(event: StoredEvent) -> bool:
    return any(mark in event.line for mark in _REDACTING)


def _bytes(event: StoredEvent) -> int:
    return len(event.line) + _OVERHEAD_BYTES
