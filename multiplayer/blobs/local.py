"""Files' bytes in a folder of this machine: written beside, made durable, then moved to their place."""

import asyncio
import contextlib
import os
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from typing_extensions import TypeVarTuple

from multiplayer.blobs.local_files import Incoming, Outgoing, fault, folder_of, last_part, regular, told
from multiplayer.blobs.port import (
    PIECE_BYTES,
    BlobCorrupt,
    BlobKey,
    BlobMissing,
    BlobsDenied,
    Shown,
    SignedPut,
    Stored,
)

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")
_LEFTOVER_S: Final = 24 * 3600
_HOP_BYTES: Final = 4 * PIECE_BYTES
"""What one visit to a thread writes or reads: so much that the visit itself costs next to nothing."""
_PAGE: Final = 1_000
_NAME: Final = re.compile(r"[a-z0-9_-][a-z0-9._-]*")


class LocalBlobs:
    """A folder of this machine, given or made. Several processes may use it at once.

    An object's file is never written in place: it is replaced by another. Nothing in the folder is reached through a
    symlink. What lies there under a name that is no key's is left alone.
    """

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Raise `BlobsDenied` if there can be no such folder. `clock` tells how old leftovers are."""
        self._root = root
        self._clock = clock
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BlobsDenied(f"the folder for files cannot be made: {error.strerror}") from error

    @property
    def kind(self) -> str:
        return "local"

    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        """See `Blobs.put`. What it returned for is on the disk, also if the power fails."""
        incoming = Incoming(self._root)
        gathered: list[bytes] = []
        held = total = 0
        try:
            async for piece in pieces:
                if not piece:
                    continue
                gathered.append(piece)
                held += len(piece)
                total += len(piece)
                if size is not None and total > size:
                    raise BlobCorrupt(f"more than the {size} bytes that were announced")
                if held >= _HOP_BYTES:
                    await _in_thread(incoming.write, gathered)
                    gathered, held = [], 0
            if size is not None and total != size:
                raise BlobCorrupt(f"{total} bytes instead of the {size} that were announced")
            return await _in_thread(incoming.publish, key, gathered)
        finally:
            if incoming.is_open:
                await _in_thread(incoming.drop)

    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `Blobs.read`. The file is open until the last piece, or until the generator is closed."""
        assert start >= 0
        with closing(Outgoing(self._root)) as outgoing:
            size = await _in_thread(outgoing.open, key)
            end = size if end is None else min(end, size)
            while start < end:
                for piece in await _in_thread(outgoing.pieces, start, min(end, start + _HOP_BYTES)):
                    start += len(piece)
                    yield piece

    async def head(self, key: BlobKey) -> Stored | None:
        """See `Blobs.head`."""
        try:
            return await _in_thread(self._head, key)
        except BlobMissing:
            return None

    async def copy(self, key: BlobKey, to: BlobKey) -> None:
        """See `Blobs.copy`. Costs no room where a file can have two names; both are then changed now."""
        await _in_thread(self._copy, key, to)

    async def delete(self, keys: Sequence[BlobKey]) -> None:
        """See `Blobs.delete`. They stay away, also if the power fails."""
        await _in_thread(self._delete, keys)

    async def listing(self, prefix: str) -> AsyncGenerator[Stored, None]:
        """See `Blobs.listing`. Holds one folder's names at a time, and those of the folders that it is in."""
        *folders, begin = prefix.split("/")
        with closing(self._walk("".join(f"{name}/" for name in folders), begin)) as walk:
            while page := await _in_thread(_page, walk):
                for one in page:
                    yield one

    async def sign_get(self, key: BlobKey, shown: Shown, *, for_s: int) -> str | None:
        """Return None: a folder has no URL."""
        del key, shown, for_s
        return None

    async def sign_put(self, key: BlobKey, *, size: int, for_s: int) -> SignedPut | None:
        """Return None: a folder has no URL."""
        del key, size, for_s
        return None

    async def check(self) -> None:
        """See `Blobs.check`. Clears away what a killed process left half written more than a day ago."""
        await _in_thread(self._check)

    async def aclose(self) -> None:
        """Nothing is held between two calls."""

    def _head(self, key: BlobKey) -> Stored:
        with told(), folder_of(self._root, key) as folder:
            return regular(key, os.stat(last_part(key), dir_fd=folder, follow_symlinks=False))

    def _copy(self, key: BlobKey, to: BlobKey) -> None:
        with closing(Incoming(self._root)) as incoming, closing(Outgoing(self._root)) as outgoing:
            size = outgoing.open(key)
            if not incoming.link(key):
                for start in range(0, size, _HOP_BYTES):
                    incoming.write(outgoing.pieces(start, min(size, start + _HOP_BYTES)))
            incoming.publish(to)

    def _delete(self, keys: Sequence[BlobKey]) -> None:
        touched: dict[str, BlobKey] = {}
        for key in keys:
            with contextlib.suppress(BlobMissing), told(), folder_of(self._root, key) as folder:
                try:
                    os.unlink(last_part(key), dir_fd=folder)
                except IsADirectoryError:
                    continue
                touched[key.rpartition("/")[0]] = key
        for key in touched.values():
            with told(), folder_of(self._root, key) as folder:
                os.fsync(folder)

    def _walk(self, above: str, begin: str) -> Generator[Stored, None, None]:
        """Give what lies below the folder `above` (empty, or ending with a slash) and begins with `begin` there."""
        try:
            with folder_of(self._root, above) as folder:
                with os.scandir(folder) as entries:
                    names = sorted(
                        f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                        for entry in entries
                        if entry.name.startswith(begin) and _NAME.fullmatch(entry.name)
                    )
                for name in names:
                    if name.endswith("/"):
                        yield from self._walk(above + name, "")
                        continue
                    try:
                        one = regular(BlobKey(above + name), os.stat(name, dir_fd=folder, follow_symlinks=False))
                    except (FileNotFoundError, BlobMissing, BlobsDenied):
                        continue  # removed meanwhile, or no file of ours
                    yield one
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise fault(error) from error

    def _check(self) -> None:
        with told(), closing(Incoming(self._root)) as incoming:
            incoming.clear(before=self._clock() - _LEFTOVER_S)
            incoming.write([b"check"])
            probe = f".check-{secrets.token_hex(8)}"
            try:
                incoming.publish(BlobKey(probe))
                if (self._root / probe).read_bytes() != b"check":
                    raise BlobCorrupt("the folder for files does not give back what was written")
            finally:
                (self._root / probe).unlink(missing_ok=True)


def _page(walk: Iterator[Stored]) -> list[Stored]:
    return list(islice(walk, _PAGE))


async def _in_thread(call: Callable[[*_Args], _T], *args: *_Args) -> _T:
    """Run what blocks in a thread, to its end: what a thread is at work on may not be closed or removed under it."""
    done = asyncio.get_running_loop().run_in_executor(None, partial(call, *args))
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        done.exception()  # it is nobody's now
        raise cancelled
    return done.result()
