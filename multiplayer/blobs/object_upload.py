"""A stream of bytes cut into the parts of one upload, and handed to obstore one by one as it asks for them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Final, Self, TypeVar

from multiplayer.blobs.port import BlobCorrupt

_T = TypeVar("_T")
PART_BYTES: Final = 5 * 1024 * 1024
"""The least that S3 takes as a part; with its 10,000 parts an object may have 48 GiB."""


class _AbandonedError(Exception):
    """Tells obstore to forget an upload; nobody else sees it."""


class Feed:
    """The parts of one upload, as obstore asks for them: one waits here, while others are on their way."""

    def __init__(self) -> None:
        self._next: asyncio.Queue[bytes | _AbandonedError | None] = asyncio.Queue(1)
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        match await self._next.get():
            case bytes(part):
                return part
            case None:
                raise StopAsyncIteration
            case abandoned:
                raise abandoned

    async def give(self, part: bytes | None) -> None:
        """Wait until there is room. None is the end. After the upload's own end it goes nowhere."""
        if not self._is_over:
            await self._next.put(part)

    def abandon(self) -> None:
        self._drain()
        self._next.put_nowait(_AbandonedError())

    def over(self, _upload: object) -> None:
        self._is_over = True
        self._drain()

    def _drain(self) -> None:
        while not self._next.empty():
            self._next.get_nowait()


async def parts_of(pieces: AsyncIterable[bytes], size: int | None) -> AsyncGenerator[bytes, None]:
    """Gather pieces to parts: all but the last are as long as they have to be. Gives at least one; refuses another size."""
    gathered = bytearray()
    total = 0
    async for piece in pieces:
        total += len(piece)
        if size is not None and total > size:
            raise BlobCorrupt(f"more than the {size} bytes that were announced")
        gathered += piece
        while len(gathered) >= PART_BYTES:
            part = bytes(memoryview(gathered)[:PART_BYTES])
            del gathered[:PART_BYTES]
            yield part
    if size is not None and total != size:
        raise BlobCorrupt(f"{total} bytes instead of the {size} that were announced")
    if gathered or total == 0:
        yield bytes(gathered)


async def settled(upload: "asyncio.Future[_T]", within_s: float | None = None) -> None:
    """Wait for the end of `upload`, also when this is cancelled; what has come of it is for others to see."""
    cancelled: asyncio.CancelledError | None = None
    loop = asyncio.get_running_loop()
    until = None if within_s is None else loop.time() + within_s
    while not upload.done() and (until is None or loop.time() < until):
        try:
            await asyncio.wait([upload], timeout=None if until is None else until - loop.time())
        except asyncio.CancelledError as error:
            cancelled = error
    if upload.done() and not upload.cancelled():
        upload.exception()
    if cancelled is not None:
        raise cancelled
