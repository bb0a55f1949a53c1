"""What waits to be sent to one session: bounded, joined into as few frames as possible."""

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import cached_property

from multiplayer.protocol.ids import RoomId

MAX_LINES = 1_000
MAX_BYTES = 1024 * 1024
FRAME_BYTES = 256 * 1024
"""One write to a client holds about this much at most, so that a cut loses little."""


@dataclass(frozen=True)
class Chunk:
    """Ready lines, joined by newlines. `seq` is that of the last stored event of `room_id` among them."""

    data: bytes
    lines: int
    room_id: RoomId | None = None
    seq: int | None = None

    @cached_property
    def text(self) -> str:
        """The lines as text: made once for all who are sent the same chunk."""
        return self.data.decode()


class Outbox:
    """One reader (the transport's write loop), many writers on the same event loop."""

    def __init__(self, *, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> None:
        self._chunks: deque[Chunk] = deque()
        self._lines = 0
        self._bytes = 0
        self._in_flight = 0
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._ready = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        return self._lines >= self._max_lines or self._bytes >= self._max_bytes

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def put(self, chunk: Chunk) -> None:
        """Add a chunk, whatever waits: the caller looks at `is_full` first for what can be replayed from the log."""
        if self._is_closed:
            return
        self._chunks.append(chunk)
        self._lines += chunk.lines
        self._bytes += len(chunk.data)
        self._ready.set()
        self._drained.clear()

    def line(self, data: bytes) -> None:
        self.put(Chunk(data, 1))

    def close(self) -> None:
        """Let the reader take what is there, then end."""
        self._is_closed = True
        self._ready.set()
        self._drained.set()

    async def take(self) -> list[Chunk]:
        """Wait, then take what is ready, up to one frame's worth; empty when the outbox is closed and drained.

        What was taken before counts as sent from here on.
        """
        self._in_flight = 0
        if not self._chunks:
            self._drained.set()
        while not self._chunks:
            if self._is_closed:
                return []
            self._ready.clear()
            await self._ready.wait()
        taken: list[Chunk] = []
        size = 0
        while self._chunks and (not taken or size + len(self._chunks[0].data) <= FRAME_BYTES):
            chunk = self._chunks.popleft()
            size += len(chunk.data)
            self._lines -= chunk.lines
            taken.append(chunk)
        self._bytes -= size
        self._in_flight = size
        return taken

    async def drained(self) -> None:
        """Wait until everything put so far was handed to the network, or the outbox is closed."""
        await self._drained.wait()
