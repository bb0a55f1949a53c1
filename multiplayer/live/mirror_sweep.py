"""Removing what no mirrored workspace needs any more from the file store, and what deleted rooms have left there."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from multiplayer.blobs.port import BlobKey, BlobsFault
from multiplayer.live.clock import Clock
from multiplayer.live.mirror_objects import MirrorObjects, digest_in
from multiplayer.protocol.ids import RoomId
from multiplayer.storage.mirror_port import MirrorHead
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable
from multiplayer.tools.checkpoints.store import CheckpointGone

LOOK_S: Final = 3_600.0
OLD: Final = timedelta(hours=24)
"""So long nothing is removed that was put, and so long a room that was swept is not swept again."""
LEASE: Final = timedelta(minutes=15)
"""So long nobody makes a new head while one pod removes objects; it stops long before."""
AGAIN: Final = timedelta(minutes=30)
"""So long after a sweep that failed, or took too long, the room is due again."""
_MOST_S: Final = 300.0
"""For finding out what is needed, and again for removing the rest."""
_BATCH: Final = 100

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sweep:
    head: MirrorHead
    old: datetime
    done: int
    """All is looked at whose digest begins with this byte or a lower one."""
    removed: int = 0
    is_whole: bool = False


class MirrorSweep:
    """Two pods do no harm: one of them sweeps a room, and both may remove what a deleted one has left."""

    def __init__(self, storage: Storage, objects: MirrorObjects, clock: Clock) -> None:
        self._storage = storage
        self._objects = objects
        self._clock = clock
        self._done: dict[RoomId, int] = {}
        """Of rooms whose sweep did not come to its end: up to which first byte of digests it had looked."""

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Do what is due."""
        try:
            for room_id in await self._storage.mirrors_of_deleted_rooms(limit=_BATCH):
                await self.remove(room_id)
            for room_id in await self._storage.mirrors_to_sweep(before=self._clock.now() - OLD, limit=_BATCH):
                await self.sweep(room_id)
        except (StorageUnavailable, OutcomeUnknown) as away:
            _log.warning("mirrors_not_swept", error=str(away))

    async def sweep(self, room_id: RoomId) -> int:
        """Remove the room's objects that its head does not need and that are old; return how many. None while it is not due.

        From the beginning to the end no head is put, and a push that had begun before has to look again at what it has
        put: so what is removed here, no head to come counts on. Raises `StorageUnavailable`.
        """
        now = self._clock.now()
        head = await self._storage.begin_mirror_sweep(room_id, now=now, until=now + LEASE, before=now - OLD)
        if head is None:
            return 0
        sweep = _Sweep(head, now - OLD, self._done.get(room_id, -1))
        try:
            await self._sweep(sweep)
        except (BlobsFault, OSError, CheckpointGone, ValueError) as error:
            _log.warning("mirror_not_swept", room=room_id, error=str(error))
        finally:
            if sweep.is_whole:
                self._done.pop(room_id, None)
            else:
                self._done[room_id] = sweep.done
            counts_as = None if sweep.is_whole else now - OLD + AGAIN
            await self._storage.end_mirror_sweep(room_id, head.sweep, counts_as=counts_as)
        if sweep.removed:
            _log.info("mirror_swept", room=room_id, objects=sweep.removed, is_whole=sweep.is_whole)
        return sweep.removed

    async def _sweep(self, sweep: _Sweep) -> None:
        head, began_s = sweep.head, self._clock.monotonic_s()
        # If any folder cannot be read, nobody knows what is needed, and nothing is removed.
        needed = await self._objects.objects_of(head.room_id, head.tree) if head.version else set()
        if self._clock.monotonic_s() - began_s > _MOST_S:
            return
        began_s = self._clock.monotonic_s()
        waiting: list[BlobKey] = []
        async with aclosing(self._objects.listing(head.room_id, after=sweep.done)) as listing:
            async for stored in listing:
                digest = digest_in(stored.key)
                if digest is None:
                    continue
                if digest not in needed and stored.changed_at < sweep.old:
                    waiting.append(stored.key)
                is_late = self._clock.monotonic_s() - began_s > _MOST_S
                if len(waiting) >= _BATCH or (is_late and waiting):
                    await self._remove_all(sweep, waiting)
                if not waiting:
                    # By key: all before have been seen, and of those, none is left that has to go.
                    sweep.done = int(digest[:2], 16) - 1
                if is_late:
                    return
        if waiting:
            await self._remove_all(sweep, waiting)
        sweep.is_whole = True

    async def _remove_all(self, sweep: _Sweep, waiting: list[BlobKey]) -> None:
        await self._objects.delete(waiting)
        sweep.removed += len(waiting)
        waiting.clear()

    async def remove(self, room_id: RoomId) -> None:
        """Remove all objects of a deleted room, and its row once there are none: a push elsewhere may just be putting some.

        What fails is done with the next look.
        """
        removed = 0
        self._done.pop(room_id, None)
        try:
            listing = self._objects.listing(room_id)
            waiting = [stored.key async for stored in listing if digest_in(stored.key) is not None]
            for at in range(0, len(waiting), _BATCH):
                await self._objects.delete(waiting[at : at + _BATCH])
                removed += len(waiting[at : at + _BATCH])
            if not removed:
                await self._storage.drop_mirror(room_id)
        except (BlobsFault, StorageUnavailable, OutcomeUnknown) as error:
            _log.warning("mirror_not_removed", room=room_id, error=str(error))
        if removed:
            _log.info("mirror_removed", room=room_id, objects=removed)
