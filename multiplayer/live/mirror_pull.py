"""Bringing a room's workspace up to what other pods have put into the file store, so that nobody's change is lost."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Final

import structlog

from multiplayer.blobs.port import BlobMissing, BlobsUnavailable
from multiplayer.live.aside import aside
from multiplayer.live.clock import Clock
from multiplayer.live.mirror_objects import MirrorObjects
from multiplayer.live.mirror_rooms import NOTHING, WORLD, Coming, MirrorNotes, MirrorRoom, NotNow, words
from multiplayer.live.workbench import Lag, Workbench, WorkspaceAway
from multiplayer.storage.mirror_port import MirrorHead
from multiplayer.storage.port import Storage, StorageUnavailable
from multiplayer.tools.checkpoints.folders import entries
from multiplayer.tools.checkpoints.merging import Naming
from multiplayer.tools.checkpoints.store import CheckpointGone
from multiplayer.tools.checkpoints.transfer import Common
from multiplayer.tools.workspace import Workspace

TRIES: Final = 3
MAX_COPIES: Final = 20
_SLOW: Final = "the file store is slow: newer files are still on their way"

_log = structlog.get_logger(__name__)


def _is_empty(workspace: Workspace) -> bool:
    return not any(True for _ in entries(workspace.fd))


class MirrorPull:
    """`again_s`: after a pull that failed, the store is left alone for so long; what is here is used meanwhile.

    `fetch_s`: who is about to change files waits so long for the store, before the room's lock is taken and under it.
    `start` begins a task, which its owner ends, or raises `NotNow`.
    """

    def __init__(
        self,
        workbench: Workbench,
        storage: Storage,
        objects: MirrorObjects,
        notes: MirrorNotes,
        clock: Clock,
        pod: str,
        start: Callable[[Coroutine[None, None, None], str], asyncio.Task[None]],
        *,
        again_s: float,
        fetch_s: tuple[float, float],
    ) -> None:
        self._workbench = workbench
        self._storage = storage
        self._objects = objects
        self._notes = notes
        self._clock = clock
        self._pod = pod
        self._start = start
        self._again_s = again_s
        self._fetch_s = fetch_s

    async def lag(self, room: MirrorRoom, workspace: Workspace) -> Lag:
        """Tell how the workspace stands to the head. Raises `StorageUnavailable`."""
        head = await self._storage.mirror_head(room.id)
        if head is None or not head.version:
            return Lag.NONE
        is_empty = await asyncio.to_thread(_is_empty, workspace)
        if is_empty and head.tree == NOTHING:
            return Lag.NONE
        common = await self._notes.load(room)
        if room.is_restoring or self._is_lost(room, common, workspace, is_empty=is_empty):
            return Lag.ABSENT
        if common == (head.version, head.tree):
            return Lag.NONE
        return Lag.ABSENT if is_empty and not common.version else Lag.BEHIND

    async def fetch(self, room: MirrorRoom, *, is_needed: bool) -> None:
        """Have the head's objects here. What fails, or takes too long, `room.behind` says; `bring` goes by that.

        `is_needed`: waits as long as it takes.
        """
        try:
            async with asyncio.timeout(None if is_needed else self._fetch_s[0]):
                for _ in range(TRIES):
                    if not await self._fetched_or_newer(room, is_needed=is_needed):
                        return
        except TimeoutError:
            self._failed(room, BlobsUnavailable(_SLOW))
        except StorageUnavailable:
            return  # `bring` says it
        except WORLD as error:
            self._failed(room, error)

    async def _fetched_or_newer(self, room: MirrorRoom, *, is_needed: bool) -> bool:
        """Tell whether there is a newer head, of which more may be there."""
        head = await self._storage.mirror_head(room.id)
        if head is None or not head.version or self._has(room, await self._notes.load(room), head):
            return False
        if self._is_resting(room) and (room.coming is None or not is_needed):
            return False
        try:
            await self._have(room, head)
        except BlobMissing:
            # Perhaps it was swept meanwhile, as nothing needs it any more.
            newer = await self._storage.mirror_head(room.id)
            if newer is None or newer.version == head.version:
                raise
            return True
        return False

    async def bring(self, room: MirrorRoom, workspace: Workspace, tree: str) -> str:
        """Merge the head with the workspace, which is `tree`; return what it is then. The caller holds the room's lock.

        What fails leaves the workspace usable as it is, and `room.behind` says why; or raises `WorkspaceAway`.
        """
        head = await self._storage.mirror_head(room.id)
        if head is None or not head.version:
            room.behind = ""
            return tree
        common = await self._notes.load(room)
        is_lost = self._is_lost(room, common, workspace, is_empty=tree == NOTHING)
        if common == (head.version, head.tree) and not is_lost and not room.is_restoring:
            room.behind = ""
            return tree
        # A head that went back is of a database that was restored: what came after it is nobody's deletion.
        has_base = not is_lost and not room.is_restoring and head.version > common.version
        base = common if has_base else Common()
        is_absent = room.is_restoring or (not base.version and tree == NOTHING and head.tree != NOTHING)
        try:
            if self._is_resting(room):
                raise NotNow(room.behind)
            tree = await self._merged(room, workspace, base, head, is_absent=is_absent)
        except WORLD as error:
            if not isinstance(error, NotNow):
                self._failed(room, error)
            if isinstance(error, CheckpointGone):
                # What was kept here was lost: all of it is looked for anew.
                room.common, room.fetched = None, ""
            if is_absent:
                raise WorkspaceAway(
                    "the files of this room lie in the file store, which cannot be read now "
                    f"({room.behind or words(error)}); try again"
                ) from error
            return await self._workbench.checkpoint(room.id, workspace)
        room.behind = ""
        return tree

    def _is_lost(self, room: MirrorRoom, common: Common, workspace: Workspace, *, is_empty: bool) -> bool:
        # Whoever removes the last file has noted before that something may change, and in which folder: else, or if it is
        # another one now, the folder itself has gone.
        is_noted = bool(room.is_marked and workspace.identity and room.marked_for == workspace.identity)
        return is_empty and bool(common.version) and common.tree != NOTHING and not is_noted

    def _is_resting(self, room: MirrorRoom) -> bool:
        return bool(room.behind) and self._clock.monotonic_s() < room.pull_after_s

    def _failed(self, room: MirrorRoom, error: Exception) -> None:
        room.pull_after_s = self._clock.monotonic_s() + self._again_s
        room.behind = words(error)
        _log.warning("workspace_behind", room=room.id, reason=room.behind)

    def _has(self, room: MirrorRoom, common: Common, head: MirrorHead) -> bool:
        """Tell whether all objects of the head are here, and kept."""
        return head.tree in {common.tree, room.fetched}

    async def _have(self, room: MirrorRoom, head: MirrorHead) -> None:
        """Wait until all objects of the head are here. Who gives up waiting leaves them coming."""
        while not self._has(room, common := await self._notes.load(room), head):
            coming = room.coming
            if coming is None or coming.task is None or coming.task.done():
                coming = room.coming = Coming(head.tree, NotNow("the server is ending"))
                coming.task = self._start(self._fetch(room, coming, common.tree), f"fetch {room.id}")
            await asyncio.wait([coming.task])
            if coming.tree == head.tree and coming.error is not None:
                raise coming.error

    async def _fetch(self, room: MirrorRoom, coming: Coming, known: str) -> None:
        try:
            await self._objects.fetch_tree(room.id, coming.tree, known)
        except WORLD as error:
            coming.error = error
        except Exception:  # noqa: BLE001 - one room's trouble must not end the others' tasks
            _log.exception("mirror_broke", room=room.id)
            coming.error = NotNow("something broke in the server; its log says more")
        else:
            # Whoever waited for it in vain takes it the next time.
            coming.error, room.fetched, room.pull_after_s = None, coming.tree, 0.0
        finally:
            room.coming = None

    async def _in_time(self, room: MirrorRoom, head: MirrorHead) -> None:
        """As `_have` for the holder of the room's lock, who has fetched before: it is newer still, or late."""
        try:
            async with asyncio.timeout(self._fetch_s[1]):
                await self._have(room, head)
        except TimeoutError:
            raise BlobsUnavailable(_SLOW) from None

    async def _merged(
        self, room: MirrorRoom, workspace: Workspace, base: Common, head: MirrorHead, *, is_absent: bool
    ) -> str:
        late: tuple[str, ...] = ()
        for _ in range(TRIES):
            try:
                await self._in_time(room, head)
            except BlobMissing:
                # Perhaps it was swept meanwhile, as nothing needs it any more.
                newer = await self._storage.mirror_head(room.id)
                if newer is None or newer.version == head.version:
                    raise
                head = newer
                continue
            if is_absent:
                await self._notes.set_restoring(room, is_restoring=True)
            naming = Naming(ours=self._pod, theirs=head.pod, at=head.at)
            bring = partial(
                self._workbench.checkpoints.bring,
                room.id,
                workspace,
                base.tree,
                head.tree,
                naming,
                reads_all=self._workbench.is_shared(room.id),
            )
            brought = await aside(bring)
            room.copies = [*dict.fromkeys((*room.copies, *brought.copies))][-MAX_COPIES:]
            late = brought.late
            if late:
                continue
            if brought.tree != head.tree:
                await self._workbench.mirror.note(room.id, workspace)
            await self._notes.set_common(room, Common(head.version, head.tree))
            await self._notes.set_restoring(room, is_restoring=False)
            _log.info("workspace_brought", room=room.id, version=head.version, copies=len(brought.copies))
            return brought.tree
        raise NotNow(f"these cannot be brought up to date: {', '.join(late[:5]) or 'the copy keeps changing'}")
