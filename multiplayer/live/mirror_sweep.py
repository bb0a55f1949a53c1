"""Removing what no mirrored workspace needs any more from the file store, and what deleted rooms have left there."""

import asyncio
from datetime import timedelta
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
_MOST_S: Final = 300.0
_BATCH: Final = 100

_log = structlog.get_logger(__name__)


class MirrorSweep:
    """Two pods do no harm: one of them sweeps a room, and both may remove what a deleted one has left."""

    def __init__(self, storage: Storage, objects: MirrorObjects, clock: Clock) -> None:
        self._storage = storage
        self._objects = objects
        self._clock = clock

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
        removed = 0
        try:
            removed = await self._sweep(head)
        except (BlobsFault, OSError, CheckpointGone, ValueError) as error:
            _log.warning("mirror_not_swept", room=room_id, error=str(error))
        finally:
            await self._storage.end_mirror_sweep(room_id, head.sweep)
        if removed:
            _log.info("mirror_swept", room=room_id, objects=removed)
        return removed

    async def _sweep(self, head: MirrorHead) -> int:
        began_s, old = self._clock.monotonic_s(), self._clock.now() - OLD
        # If any folder cannot be read, nobody knows what is needed, and nothing is removed.
        needed = await self._objects.objects_of(head.room_id, head.tree) if head.version else set()
        removed = 0
        waiting: list[BlobKey] = []
        async for stored in self._objects.listing(head.room_id):
            digest = digest_in(stored.key)
            if digest is not None and digest not in needed and stored.changed_at < old:
                waiting.append(stored.key)
            if self._clock.monotonic_s() - began_s > _MOST_S:
                break  # the rest tomorrow
            if len(waiting) >= _BATCH:
                await self._objects.delete(waiting)
                removed += len(waiting)
                waiting = []
        if waiting and self._clock.monotonic_s() - began_s <= _MOST_S:
            await self._objects.delete(waiting)
            removed += len(waiting)
        return removed

    async def remove(self, room_id: RoomId) -> None:
        """Remove all objects of a deleted room, and its row once there are none: a push elsewhere may just be putting some.

        What fails is done with the next look.
        """
        removed = 0
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
