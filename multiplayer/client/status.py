"""Whether the client is connected, for whoever wants to show it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from weakref import WeakSet


class Connectivity(StrEnum):
    CONNECTING = "connecting"
    ONLINE = "online"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Status:
    """`reason` says why it is not online, in words."""

    state: Connectivity
    reason: str = ""


class Changes:
    """The changes one subscriber has not seen yet. Async iterator; ends after `closed`."""

    MOST = 100

    def __init__(self, first: Status) -> None:
        self._waiting: deque[Status] = deque([first], maxlen=self.MOST)
        self._ready = asyncio.Event()
        self._ready.set()
        self._is_over = False

    def offer(self, status: Status) -> None:
        self._waiting.append(status)
        self._ready.set()

    def __aiter__(self) -> AsyncIterator[Status]:
        return self

    async def __anext__(self) -> Status:
        if self._is_over:
            raise StopAsyncIteration
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        status = self._waiting.popleft()
        self._is_over = status.state is Connectivity.CLOSED
        return status


class StatusBoard:
    """What `client.status` is: look at `now`, or follow `subscribe()`."""

    def __init__(self) -> None:
        self.now = Status(Connectivity.CONNECTING)
        self._subscribers: WeakSet[Changes] = WeakSet()

    def subscribe(self) -> Changes:
        """Return the status as it is and every change from here on. Forget the iterator to unsubscribe."""
        changes = Changes(self.now)
        self._subscribers.add(changes)
        return changes

    def set(self, state: Connectivity, reason: str = "") -> None:
        if self.now.state is Connectivity.CLOSED or self.now == Status(state, reason):
            return
        self.now = Status(state, reason)
        for changes in tuple(self._subscribers):
            changes.offer(self.now)
