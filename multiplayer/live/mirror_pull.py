"""Bringing a room's workspace up to what other pods have put into the file store, so that nobody's change is lost."""

from functools import partial
from typing import Final

import structlog

from multiplayer.blobs.port import BlobMissing
from multiplayer.live.aside import aside
from multiplayer.live.clock import Clock
from multiplayer.live.mirror_objects import MirrorObjects
from multiplayer.live.mirror_rooms import NOTHING, WORLD, MirrorNotes, MirrorRoom, NotNow, words
from multiplayer.live.workbench import Lag, Workbench, WorkspaceAway
from multiplayer.storage.mirror_port import MirrorHead
from multiplayer.storage.port import Storage
from multiplayer.tools.checkpoints.merging import Naming
from multiplayer.tools.checkpoints.transfer import Common
from multiplayer.tools.workspace import Workspace

TRIES: Final = 3
MAX_COPIES: Final = 20

_log = structlog.get_logger(__name__)


class MirrorPull:
    """`again_s`: after a pull that failed, the store is left alone for so long; what is here is used meanwhile."""

    def __init__(
        self,
        workbench: Workbench,
        storage: Storage,
        objects: MirrorObjects,
        notes: MirrorNotes,
        clock: Clock,
        pod: str,
        *,
        again_s: float,
    ) -> None:
        self._workbench = workbench
        self._storage = storage
        self._objects = objects
        self._notes = notes
        self._clock = clock
        self._pod = pod
        self._again_s = again_s

    async def lag(self, room: MirrorRoom, *, is_empty: bool) -> Lag:
        """Tell how the workspace stands to the head. Raises `StorageUnavailable`."""
        head = await self._storage.mirror_head(room.id)
        if head is None or not head.version or (is_empty and head.tree == NOTHING):
            return Lag.NONE
        common = await self._notes.load(room)
        if room.is_restoring or self._is_lost(room, common, is_empty=is_empty):
            return Lag.ABSENT
        if common == (head.version, head.tree):
            return Lag.NONE
        return Lag.ABSENT if is_empty and not common.version else Lag.BEHIND

    async def bring(self, room: MirrorRoom, workspace: Workspace, tree: str) -> str:
        """Merge the head with the workspace, which is `tree`; return what it is then. The caller holds the room's lock.

        What fails leaves the workspace usable as it is, and `room.behind` says why; or raises `WorkspaceAway`.
        """
        head = await self._storage.mirror_head(room.id)
        if head is None or not head.version:
            room.behind = ""
            return tree
        common = await self._notes.load(room)
        is_lost = self._is_lost(room, common, is_empty=tree == NOTHING)
        if common == (head.version, head.tree) and not is_lost and not room.is_restoring:
            room.behind = ""
            return tree
        # A head that went back is of a database that was restored: what came after it is nobody's deletion.
        has_base = not is_lost and not room.is_restoring and head.version > common.version
        base = common if has_base else Common()
        is_absent = room.is_restoring or (not base.version and tree == NOTHING and head.tree != NOTHING)
        try:
            if room.behind and self._clock.monotonic_s() < room.pull_after_s:
                raise NotNow(room.behind)
            tree = await self._merged(room, workspace, base, head, is_absent=is_absent)
        except WORLD as error:
            if not isinstance(error, NotNow):
                room.pull_after_s = self._clock.monotonic_s() + self._again_s
                room.behind = words(error)
                _log.warning("workspace_behind", room=room.id, version=head.version, reason=room.behind)
            if is_absent:
                raise WorkspaceAway(
                    f"the files of this room lie in the file store, which cannot be read now ({room.behind}); try again"
                ) from error
            return await self._workbench.checkpoint(room.id, workspace)
        room.behind = ""
        return tree

    def _is_lost(self, room: MirrorRoom, common: Common, *, is_empty: bool) -> bool:
        # Whoever removes the last file has noted before that something may change: else the folder itself has gone.
        return is_empty and bool(common.version) and common.tree != NOTHING and not room.is_marked

    async def _merged(
        self, room: MirrorRoom, workspace: Workspace, base: Common, head: MirrorHead, *, is_absent: bool
    ) -> str:
        late: tuple[str, ...] = ()
        for _ in range(TRIES):
            try:
                await self._objects.fetch_tree(room.id, head.tree, base.tree)
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
                await self._workbench.mirror.note(room.id)
            await self._notes.set_common(room, Common(head.version, head.tree))
            await self._notes.set_restoring(room, is_restoring=False)
            _log.info("workspace_brought", room=room.id, version=head.version, copies=len(brought.copies))
            return brought.tree
        raise NotNow(f"these cannot be brought up to date: {', '.join(late[:5]) or 'the copy keeps changing'}")
