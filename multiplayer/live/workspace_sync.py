"""A room's workspace for folders elsewhere that follow it: told as a tree, handed out by checksum, changed path by path."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar
from weakref import WeakValueDictionary

import structlog

from multiplayer.live.aside import aside
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.workbench import Workbench, WorkspaceAway
from multiplayer.live.workspace_changes import LOCK_WAIT_S, ChangesByHand
from multiplayer.live.workspace_incoming import IncomingContents
from multiplayer.live.workspace_reports import refusing
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.workspace_sync import (
    ChangePaths,
    ContentTaken,
    MissingContents,
    PathOutcome,
    PathsChanged,
    WorkspaceTree,
    WritePath,
)
from multiplayer.rooms.permissions import Right
from multiplayer.tools.checkpoints.manifest import HeldContents, manifest, present
from multiplayer.tools.checkpoints.packs import CHUNK_BYTES
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.files.path_changes import ContentLost, PathChanges
from multiplayer.tools.limits import KIB, Limits
from multiplayer.tools.workspace import Workspace

_SMALL_BYTES: Final = 256 * KIB
"""A content up to this is read at once."""
READERS_AT_ONCE: Final = 2
"""Threads that wait for one room's store, or read in it."""
_AGAIN_S: Final = 5.0
T = TypeVar("T")

_log = structlog.get_logger(__name__)


class WorkspaceSync:
    """Each method checks the rights of whoever asks. Raises `Refused`."""

    def __init__(
        self,
        workbench: Workbench,
        directory: Directory,
        incoming: IncomingContents,
        clock: Clock,
        limits: Limits,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self._workbench = workbench
        self._directory = directory
        self.incoming = incoming
        self._limits = limits
        self._gates: WeakValueDictionary[RoomId, asyncio.Semaphore] = WeakValueDictionary()
        """Of the rooms whose store somebody reads in."""
        self._by_hand = ChangesByHand(workbench, directory, clock.new_id, lock_wait_s=lock_wait_s)

    async def tree(self, room_id: RoomId, reader_id: AccountId, known: str | None) -> WorkspaceTree | None:
        """Return all paths as they are now; None if the tree is still the `known` one.

        Waits for an AI's command that changes files: nobody follows a half of what it does. Where workspaces are mirrored,
        what is told is in the file store: whichever server is asked next, nothing of it is missing there.
        """
        await self._check_reader(room_id, reader_id)
        mirror = self._workbench.mirror
        async with refusing():
            await mirror.fetch(room_id)
            async with (
                self._workbench.opened(room_id, needs_files=False) as workspace,
                self._by_hand.alone(room_id),
            ):
                # Whoever waited may have lost the right meanwhile.
                await self._check_reader(room_id, reader_id)
                tree = await self._workbench.bring(room_id, workspace)
                if await mirror.has(room_id, tree):
                    return await self._told(room_id, tree, known)
            # Without the lock, for which the push waits. What it has put was here a moment ago, whatever jobs write.
            tree = await mirror.flush(room_id)
            await self._check_reader(room_id, reader_id)
            return await self._told(room_id, tree, known)

    async def _told(self, room_id: RoomId, tree: str, known: str | None) -> WorkspaceTree | None:
        return None if tree == known else await self._reading(room_id, partial(manifest, self._root, room_id, tree))

    async def content(
        self, room_id: RoomId, reader_id: AccountId, sha256: str, start: int = 0
    ) -> tuple[int, AsyncIterator[bytes]]:
        """Return the size of a content, and its bytes from `start` on: what breaks later breaks the stream.

        Refuses NOT_FOUND what no tree has that is kept, MALFORMED a start at its end or behind it.
        """
        await self._check_reader(room_id, reader_id)
        async with refusing():
            size, data = await self._reading(room_id, partial(_head, self._root, room_id, sha256, start))
        if size is None:
            raise Refused(RefusalCode.NOT_FOUND, "no such content is kept: look at the tree again")
        if start and start >= size:
            raise Refused(RefusalCode.MALFORMED, f"the content has {size} bytes")
        return size, _once(data) if data is not None else self._pieces(room_id, sha256, start)

    async def missing(self, room_id: RoomId, actor_id: AccountId, sha256s: Sequence[str]) -> MissingContents:
        """Return what has to be sent before a change can name it."""
        await self._by_hand.check(room_id, actor_id)
        asked = dict.fromkeys(sha256s)
        waiting = await self.incoming.waiting(room_id, asked)
        async with refusing():
            others = [one for one in asked if one not in waiting]
            there = await self._reading(room_id, partial(present, self._root, room_id, others))
        return MissingContents(sha256s=tuple(one for one in asked if one not in waiting and one not in there))

    async def take(
        self, room_id: RoomId, actor_id: AccountId, sha256: str, size: int, pieces: AsyncIterable[bytes]
    ) -> ContentTaken:
        """Take a content of `size` bytes: it waits for a day for a change that names it."""
        await self._by_hand.check(room_id, actor_id)
        await self.incoming.take(room_id, actor_id, sha256, size, pieces)
        return ContentTaken(sha256=sha256, size=size)

    async def change(self, room_id: RoomId, actor_id: AccountId, asked: ChangePaths) -> PathsChanged:
        """Change paths, each if nothing else stands there; all that is done is told as one change of the actor's.

        Answers when it is in the file store, if there is a mirror. Refuses UNAVAILABLE when it cannot come there: then it is
        made all the same, and the same request again waits for it anew.
        """
        await self._by_hand.check(room_id, actor_id)
        wanted = {one.sha256 for one in asked.changes if isinstance(one, WritePath)}
        touched: list[str] = []
        outcomes: list[PathOutcome] = []
        waiting = await self.incoming.waiting(room_id, wanted)

        def work(workspace: Workspace) -> None:
            with HeldContents(self._root, room_id, wanted) as held:
                contents = _Contents(held, {one: self.incoming.path(room_id, one) for one in waiting}, waiting)
                changing = PathChanges(workspace, self._limits, contents, touched)
                outcomes.extend(changing.run(asked.changes))

        made = await self._by_hand.make(room_id, actor_id, touched, work)
        # What is done the checkpoint has from now on; what is still missing is not what it was.
        over = {"done", "same", "missing"}
        pairs = zip(asked.changes, outcomes, strict=True)
        used = {one.sha256 for one, came in pairs if isinstance(one, WritePath) and came.state in over}
        try:
            await self.incoming.remove(room_id, sorted(used & waiting.keys()))
        except Refused as refused:
            _log.warning("incoming_not_removed", room=room_id, error=refused.message)
        try:
            await self._workbench.mirror.flush(room_id)
        except WorkspaceAway as away:
            raise Refused(
                RefusalCode.UNAVAILABLE,
                f"the change is made, and not yet in the file store ({away.reason}): ask again",
                retry_after_s=_AGAIN_S,
            ) from away
        return PathsChanged(outcomes=tuple(outcomes), change=made.told, tree=made.tree)

    @property
    def _root(self) -> Path:
        return self._workbench.checkpoints.root

    async def _reading(self, room_id: RoomId, work: Callable[[], T]) -> T:
        """Read in the room's store, which waits for whoever has it open: few at once, so that threads are left for others."""
        gate = self._gates.setdefault(room_id, asyncio.Semaphore(READERS_AT_ONCE))
        async with gate:
            return await aside(work)

    async def _check_reader(self, room_id: RoomId, reader_id: AccountId) -> None:
        (await self._directory.host(room_id)).room.check(reader_id, Right.SEE_WORKSPACE)

    async def _pieces(self, room_id: RoomId, sha256: str, start: int) -> AsyncIterator[bytes]:
        try:
            with await self._reading(room_id, partial(HeldContents, self._root, room_id, [sha256])) as held:
                pieces = held.pieces(sha256, start)
                while (piece := await aside(partial(next, pieces, None))) is not None:
                    yield piece
        except (CheckpointGone, OSError) as error:
            _log.warning("content_broke_off", room=room_id, error=str(error))
            raise ConnectionAbortedError("the content broke off") from None


class _Contents:
    """Where the contents of a change come from: what was sent for it, else what the room has had already."""

    def __init__(self, held: HeldContents, paths: Mapping[str, Path], sizes: Mapping[str, int]) -> None:
        """`paths` and `sizes` of what was sent."""
        self._held = held
        self._paths = paths
        self._sizes = sizes

    def size_of(self, sha256: str) -> int | None:
        size = self._sizes.get(sha256)
        return self._held.size_of(sha256) if size is None else size

    def is_kept(self, sha256: str) -> bool:
        return self._held.size_of(sha256) is not None

    def pieces(self, sha256: str) -> Iterator[bytes]:
        try:
            if sha256 in self._paths:
                yield from _checked(self._paths[sha256], sha256)
            else:
                yield from self._held.pieces(sha256)
        except CheckpointGone as gone:
            raise ContentLost from gone


def _checked(path: Path, sha256: str) -> Iterator[bytes]:
    digest = hashlib.sha256()
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise ContentLost from None
    with file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != sha256:
        raise ContentLost


def _head(root: Path, room_id: RoomId, sha256: str, start: int) -> tuple[int | None, bytes | None]:
    """Return the size of a content, if it is kept, and all that is asked for of a small one."""
    with HeldContents(root, room_id, [sha256]) as held:
        size = held.size_of(sha256)
        if size is None or size > _SMALL_BYTES or start > size:
            return size, None
        return size, b"".join(held.pieces(sha256, start))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
