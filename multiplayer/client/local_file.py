"""A file of this machine on its way to the server: read bit by bit beside the event loop, and watched for changes."""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final

from multiplayer.client.errors import FileChanged

PIECE_BYTES: Final = 256 * 1024
"""About all that is held of a file that is sent."""
_HASHED_AT_ONCE: Final = 4 * 1024 * 1024

Progress = Callable[[int, int], None]
"""Is told on the event loop how many bytes are done, and of how many."""


def ignore(_done: int, _total: int) -> None:
    """Take no notice of progress."""


class LocalFile:
    """Made by `opened`. `size` in bytes. Every method raises `FileChanged` once it is not what it was then."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._state = _state_of(file)
        self.size = self._state[0]

    @property
    def name(self) -> str:
        return self._path.name

    async def sha256(self, on_progress: Progress) -> str:
        """Read it all once."""
        digest = hashlib.sha256()
        done = 0
        on_progress(0, self.size)
        while done < self.size:
            done += await asyncio.to_thread(self._hash_on, digest.update, done)
            on_progress(done, self.size)
        self.check()
        return digest.hexdigest()

    async def pieces(self, start: int, size: int, on_progress: Progress) -> AsyncGenerator[bytes, None]:
        """Give `size` bytes from `start` on; the last of them only if nothing has changed."""
        end = start + size
        while start < end:
            piece = await asyncio.to_thread(self._read, start, min(PIECE_BYTES, end - start))
            start += len(piece)
            if start >= end:
                self.check()
            yield piece
            on_progress(start, self.size)

    def check(self) -> None:
        if _state_of(self._file) != self._state:
            raise self._changed()

    def _hash_on(self, update: Callable[[bytes], None], start: int) -> int:
        piece = self._read(start, min(_HASHED_AT_ONCE, self.size - start))
        update(piece)
        return len(piece)

    def _read(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        piece = self._file.read(size)
        if not piece:
            raise self._changed()
        return piece

    def _changed(self) -> FileChanged:
        return FileChanged(f"{self._path} was changed while it was sent")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[LocalFile]:
    """Open a regular file until the block is left. Raises `OSError`."""
    file = await asyncio.to_thread(_open, path)
    try:
        yield LocalFile(path, file)
    finally:
        file.close()


def _open(path: Path) -> BinaryIO:
    # Looked at before: to open a pipe is to wait for its other end.
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "this is not a regular file", str(path))
    return path.open("rb")


def _state_of(file: BinaryIO) -> tuple[int, int]:
    about = os.fstat(file.fileno())
    return about.st_size, about.st_mtime_ns
