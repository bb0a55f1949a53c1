"""Putting what is new in a room's workspace into the file store: contents before folders, and only then the head."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from multiplayer.live.aside import aside
from multiplayer.live.clock import Clock
from multiplayer.live.mirror_objects import MirrorObjects
from multiplayer.live.mirror_pull import MAX_COPIES
from multiplayer.live.mirror_rooms import NOTHING, MirrorNotes, MirrorRoom, NotNow
from multiplayer.live.workbench import Workbench
from multiplayer.storage.mirror_port import MirrorHead, NewHead
from multiplayer.storage.port import OutcomeUnknown, Storage
from multiplayer.tools.checkpoints import transfer
from multiplayer.tools.checkpoints.checkpoints import Checkpoint
from multiplayer.tools.checkpoints.transfer import Common

TRIES: Final = 5
"""How often another pod may be faster, one after the other."""
_REMEMBERED_S: Final = 6 * 3600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Plan:
    taken: Checkpoint
    head: MirrorHead
    common: Common
    changes: int


class MirrorPush:
    def __init__(
        self,
        workbench: Workbench,
        storage: Storage,
        objects: MirrorObjects,
        notes: MirrorNotes,
        clock: Clock,
        pod: str,
    ) -> None:
        self._workbench = workbench
        self._storage = storage
        self._objects = objects
        self._notes = notes
        self._clock = clock
        self._pod = pod

    async def push(self, room: MirrorRoom) -> bool:
        """Put the workspace as it is now; return whether there was anything to put. Waits for whoever changes files.

        Raises one of `mirror_rooms.WORLD`: then nothing of it can be seen, and what came there already is not sent
        again. Raises `LookupError` for a room that this database never had.
        """
        try:
            for _ in range(TRIES):
                plan = await self._plan(room)
                if plan is None:
                    return False
                if await self._put(room, plan):
                    return True
        finally:
            room.is_pushing = False
        raise NotNow("other servers keep changing these files")

    async def _plan(self, room: MirrorRoom) -> _Plan | None:
        """Merge, look what is here, and keep that until it is sent. None: it is there already."""
        await self._workbench.mirror.fetch(room.id, is_needed=True)
        async with self._workbench.lock(room.id):
            workspace = await self._workbench.open(room.id)
            try:
                await self._workbench.bring(room.id, workspace)
                changes = room.changes
                checkpoints, reads_all = self._workbench.checkpoints, self._workbench.is_shared(room.id)
                taken = await aside(partial(checkpoints.take, room.id, workspace, reads_all=reads_all))
            finally:
                workspace.close()
            if room.behind:
                raise NotNow(room.behind)
            room.left_out = taken.left_out
            head = await self._storage.mirror_head(room.id)
            if taken.tree != NOTHING or (head is not None and head.version):
                head = await self._storage.open_mirror(room.id, self._pod, self._clock.now())
            common = await self._notes.load(room)
            has_nothing = taken.tree == NOTHING and (head is None or not head.version)
            if head is None or has_nothing or (taken.tree == head.tree and common == (head.version, head.tree)):
                # Also if the room is deleted, or holds nothing and never did.
                await self._notes.unmark(room, changes, taken.tree)
                return None
            await self._check(room, taken, head)
            await aside(partial(transfer.keep_while_sent, self._notes.root, room.id, taken.tree))
            return _Plan(taken, head, common, changes)

    async def _check(self, room: MirrorRoom, taken: Checkpoint, head: MirrorHead) -> None:
        if await aside(partial(transfer.is_unknown, self._notes.root, room.id, taken.tree)):
            raise NotNow("the workspace holds more files than can be looked at")
        if head.sweeping_until is not None and head.sweeping_until > self._clock.now():
            raise NotNow("old parts are just being removed from the file store")

    async def _put(self, room: MirrorRoom, plan: _Plan) -> bool:
        """Send what the head has not, and make it the head; False if another pod was faster."""
        taken, head = plan.taken, plan.head
        if head.version and head.version != plan.common.version:
            return False
        root = self._notes.root
        unsent = await aside(partial(transfer.unsent, root, room.id, taken.tree, head.tree))
        room.waiting, room.is_pushing = unsent.paths, True
        self._forget_sent(room, head)
        await self._objects.send(room.id, unsent.contents, room.sent)
        await self._objects.send(room.id, unsent.folders, room.sent)
        named = [*dict.fromkeys((*head.conflicts, *room.copies))][-MAX_COPIES:]
        new = NewHead(
            room.id,
            tree=taken.tree,
            pod=self._pod,
            at=self._clock.now(),
            files=taken.files,
            bytes=taken.bytes,
            conflicts=await aside(partial(transfer.still_there, root, room.id, taken.tree, named)),
        )
        if not await self._is_head(new, head):
            return False
        await self._notes.set_common(room, Common(head.version + 1, taken.tree))
        room.sent.clear()
        room.copies = [path for path in room.copies if path not in named]
        room.waiting = 0
        await self._notes.unmark(room, plan.changes, taken.tree)
        _log.info("workspace_pushed", room=room.id, version=head.version + 1, paths=unsent.paths)
        return True

    async def _is_head(self, new: NewHead, head: MirrorHead) -> bool:
        try:
            return await self._storage.put_mirror_head(new, expected=head.version, sweep=head.sweep)
        except OutcomeUnknown:
            now = await self._storage.mirror_head(new.room_id)
            return now is not None and (now.version, now.tree, now.pod) == (head.version + 1, new.tree, new.pod)

    def _forget_sent(self, room: MirrorRoom, head: MirrorHead) -> None:
        # What was put before a sweep may be gone, and what is long there may be old enough for the next one.
        sweep, since_s = room.sent_for
        now_s = self._clock.monotonic_s()
        if sweep != head.sweep or now_s - since_s > _REMEMBERED_S:
            room.sent.clear()
        if not room.sent:
            room.sent_for = head.sweep, now_s
