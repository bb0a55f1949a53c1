"""Objects of workspaces on their way to the file store and from it: streamed, some at a time, each checked by its digest."""

import asyncio
import re
import tempfile
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager, contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from multiplayer.blobs.port import BlobCorrupt, BlobKey, Blobs, BlobsUnavailable, Stored, blob_key
from multiplayer.live.aside import aside
from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints import transfer
from multiplayer.tools.checkpoints.manifest import HeldObjects
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.transfer import Incoming, Listed
from multiplayer.tools.limits import KIB, MIB

AT_ONCE: Final = 8
"""Objects of one room that are on their way at the same time."""
MAX_FOLDER_BYTES: Final = 64 * MIB
_IN_MEMORY: Final = 256 * KIB
_BATCH: Final = 256
"""Objects that are opened, or kept, together."""
_BATCH_BYTES: Final = 8 * MIB
"""Of those that are kept together and are in memory until then."""
_PATIENCE_S: Final = 30.0
_SLOWEST: Final = 64 * KIB
"""Bytes a second, of each object, below which a store counts as away."""
_OURS: Final = re.compile(r"workspaces/[0-9a-z]+/[0-9a-f]{2}/([0-9a-f]{64})")


def folder_of(room_id: RoomId) -> str:
    return f"workspaces/{room_id.lower()}/"


def key_of(room_id: RoomId, digest: str) -> BlobKey:
    """Return where an object lies: no two rooms share any."""
    return blob_key(f"{folder_of(room_id)}{digest[:2]}/{digest}")


def digest_in(key: BlobKey) -> str | None:
    """Return the digest of the object that is kept there; None if the name is none of ours."""
    match = _OURS.fullmatch(key)
    return match[1] if match else None


class MirrorObjects:
    """`root` is where the rooms' stores of checkpoints lie. What goes wrong at the file store is raised as `BlobsFault`."""

    def __init__(self, blobs: Blobs, root: Path, *, patience_s: float = _PATIENCE_S) -> None:
        """`patience_s`: for each object, and more by its size."""
        self._blobs = blobs
        self._root = root
        self._patience_s = patience_s

    # Out

    async def send(self, room_id: RoomId, digests: Iterable[str], sent: set[str]) -> None:
        """Put objects that the room's store keeps, and add each to `sent` when it is there.

        Raises `CheckpointGone` too, if the disk has not kept one as it was: then that one is not put.
        """
        waiting = [one for one in digests if one not in sent]
        for at in range(0, len(waiting), _BATCH):
            batch = waiting[at : at + _BATCH]
            held = await aside(partial(HeldObjects, self._root, room_id, batch))
            try:
                await _side_by_side(partial(self._send, room_id, held, sent), batch)
            finally:
                await aside(held.close)

    async def _send(self, room_id: RoomId, held: HeldObjects, sent: set[str], digest: str) -> None:
        key, size = key_of(room_id, digest), held.size_of(digest)
        if size is None:
            raise CheckpointGone("a part of the checkpoint that is to be sent is not kept any more")
        async with self._bounded(size):
            if size >= MIB and await self._is_there(key, size):
                sent.add(digest)  # from an attempt that was cut off
                return
            await self._blobs.put(key, _streamed(held.pieces(digest)), size)
        sent.add(digest)

    async def _is_there(self, key: BlobKey, size: int) -> bool:
        there = await self._blobs.head(key)
        return there is not None and there.size == size

    # In

    async def fetch_tree(self, room_id: RoomId, tree: str, known: str) -> None:
        """Bring all objects of a tree into the room's store that are not there, and keep the tree.

        `known`: another tree, of which the store has everything. What came is kept although this may be broken off. Needs
        no lock; one at a time for a room. Raises `OSError` for the disk.
        """
        try:
            await self._fetch_tree(room_id, tree, known)
        except CheckpointGone:
            # Something that was here was forgotten while the rest came: now that is fetched, too.
            await self._fetch_tree(room_id, tree, "")

    async def _fetch_tree(self, room_id: RoomId, tree: str, known: str) -> None:
        there = await aside(partial(transfer.objects_of, self._root, room_id, known))
        contents: dict[str, int] = {}
        seen: set[str] = set()
        waiting: Collection[str] = {tree} - there
        while waiting:
            seen |= set(waiting)
            await self._fetch(room_id, dict.fromkeys(waiting, None))
            try:
                found = await aside(partial(transfer.listed, self._root, room_id, waiting))
            except ValueError as error:
                raise BlobCorrupt(str(error)) from error
            contents |= found.contents
            waiting = found.folders - there - seen
        await self._fetch(room_id, {one: size for one, size in contents.items() if one not in there})
        await aside(partial(transfer.keep_coming, self._root, room_id, tree))

    async def objects_of(self, room_id: RoomId, tree: str) -> set[str]:
        """Return all objects of a tree, reading folders where they are."""
        needed: set[str] = set()
        waiting: set[str] = {tree}
        while waiting:
            needed |= waiting
            found = await aside(partial(transfer.kept_folders, self._root, room_id, sorted(waiting)))

            async def read(digest: str, found: dict[str, Listed] = found) -> None:
                data = await self._read(room_id, digest, None)
                assert isinstance(data, bytes), "a folder is read into memory"
                found[digest] = transfer.named_in(data)

            try:
                await _side_by_side(read, sorted(waiting - found.keys()))
            except ValueError as error:
                raise BlobCorrupt(str(error)) from error
            needed |= {content for one in found.values() for content in one.contents}
            waiting = {folder for one in found.values() for folder in one.folders} - needed
        return needed

    async def _fetch(self, room_id: RoomId, sizes: Mapping[str, int | None]) -> None:
        waiting = await aside(partial(transfer.absent, self._root, room_id, list(sizes)))
        for batch in _batches(waiting, sizes):
            with _closing() as came:

                async def one(digest: str, came: list[Incoming] = came) -> None:
                    came.append(Incoming(digest, await self._read(room_id, digest, sizes[digest])))

                await _side_by_side(one, batch)
                await aside(partial(transfer.add, self._root, room_id, came))

    async def _read(self, room_id: RoomId, digest: str, size: int | None) -> bytes | IO[bytes]:
        """Read one object whole; a large content is written to a file without a name. `size`: None of a folder."""
        most = MAX_FOLDER_BYTES if size is None else size
        async with self._bounded(size or 0), aclosing(self._checked(room_id, digest, most)) as pieces:
            if size is None or size <= _IN_MEMORY:
                return b"".join([piece async for piece in pieces])
            spool = await aside(partial(_file_without_a_name, self._root / str(room_id)))
            try:
                async for piece in pieces:
                    await aside(partial(spool.write, piece))
            except BaseException:
                spool.close()
                raise
            return spool

    async def _checked(self, room_id: RoomId, digest: str, most: int) -> AsyncGenerator[bytes, None]:
        """Give an object's bytes; those that came count only when this ends."""
        check, length = sha256(), 0
        async for piece in self._blobs.read(key_of(room_id, digest)):
            length += len(piece)
            if length > most:
                raise BlobCorrupt(f"an object of the workspace is longer than it was: {digest}")
            check.update(piece)
            yield piece
        if check.hexdigest() != digest:
            raise BlobCorrupt(f"an object of the workspace is not what it was: {digest}")

    # What lies there

    async def listing(self, room_id: RoomId, *, after: int = -1) -> AsyncGenerator[Stored, None]:
        """Give the room's objects, and what else lies among them. `after`: none whose digest begins with this byte or a lower."""
        places = [f"{byte:02x}/" for byte in range(after + 1, 256)] if after >= 0 else [""]
        for place in places:
            async with aclosing(self._blobs.listing(folder_of(room_id) + place)) as listing:
                async for stored in listing:
                    yield stored

    async def delete(self, keys: Sequence[BlobKey]) -> None:
        async with self._bounded(0):
            await self._blobs.delete(keys)

    @asynccontextmanager
    async def _bounded(self, size: int) -> AsyncIterator[None]:
        """A time limit whose end is a store that is away."""
        try:
            async with asyncio.timeout(self._patience_s + size / _SLOWEST):
                yield
        except TimeoutError as late:
            raise BlobsUnavailable("the file store is too slow") from late


def _file_without_a_name(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile("w+b", dir=folder)


async def _streamed(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    def following() -> bytes | None:
        return next(pieces, None)

    while (piece := await aside(following)) is not None:
        if piece:
            yield piece


async def _side_by_side(work: Callable[[str], Coroutine[None, None, None]], digests: Sequence[str]) -> None:
    """Do it for all, `AT_ONCE` at a time; the first that fails ends the others, and is raised."""
    waiting = iter(digests)

    async def take() -> None:
        for digest in waiting:
            await work(digest)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(AT_ONCE, len(digests))):
                tasks.create_task(take())
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


def _batches(digests: Sequence[str], sizes: Mapping[str, int | None]) -> Iterator[list[str]]:
    """Cut them so that what is held in memory is bounded; keeping many at a time spares the disk."""
    batch: list[str] = []
    held = 0
    for digest in digests:
        size = sizes[digest] or 0
        # A large one is an open file instead: not too many of those, either.
        held += min(size, _IN_MEMORY)
        batch.append(digest)
        if held >= _BATCH_BYTES or len(batch) >= _BATCH:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


@contextmanager
def _closing() -> Iterator[list[Incoming]]:
    came: list[Incoming] = []
    try:
        yield came
    finally:
        for one in came:
            if not isinstance(one.data, bytes):
                one.data.close()
