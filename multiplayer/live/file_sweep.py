"""Clearing up after files: uploads that never came, bytes that nothing refers to, objects that nobody knows."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from multiplayer.blobs.port import BlobKey, Blobs, BlobsFault, Stored
from multiplayer.live.attachments import Attachments
from multiplayer.live.clock import Clock
from multiplayer.live.contents import Contents
from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.errors import Refused
from multiplayer.protocol.ids import AttachmentId
from multiplayer.storage.port import OutcomeUnknown, Storage, StorageUnavailable

LOOK_S: Final = 600.0
ORPHANS_S: Final = 24 * 3600.0
"""How often the whole store is walked, and how old an object must be to count as nobody's."""
_BATCH: Final = 100
_CONTENT: Final = re.compile(r"(?:sha256|thumbnails|texts)/[0-9a-f]{2}/([0-9a-f]{64})(?:\.\w+)?")
_PART: Final = re.compile(r"incoming/([0-9a-z]{26})/")

_log = structlog.get_logger(__name__)


class FileSweep:
    """One of all pods does each part of the work at a time; two do no harm."""

    def __init__(
        self, storage: Storage, blobs: Blobs, attachments: Attachments, contents: Contents, clock: Clock
    ) -> None:
        self._storage = storage
        self._blobs = blobs
        self._attachments = attachments
        self._contents = contents
        self._clock = clock
        self._walked_s = clock.monotonic_s()

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()
            if self._clock.monotonic_s() - self._walked_s >= ORPHANS_S:
                self._walked_s = self._clock.monotonic_s()
                await self.walk()

    async def look(self) -> None:
        """Give up uploads that are overdue, and remove bytes that nothing refers to any more."""
        with suppress(StorageUnavailable, OutcomeUnknown):
            for found in await self._storage.overdue_uploads(now=self._clock.now(), limit=_BATCH):
                await self._give_up(
                    found.attachment.id, found.attachment.state, is_attached=found.message_id is not None
                )
            try:
                swept = await self._storage.sweep_contents(self._contents.remove, now=self._clock.now(), limit=_BATCH)
            except BlobsFault as fault:
                _log.warning("contents_not_swept", error=str(fault))
            else:
                if swept:
                    _log.info("contents_swept", contents=swept)

    async def walk(self) -> int:
        """Find objects of which the database knows nothing, not the young ones; return how many.

        Parts of uploads that are over go at once, contents with the next `look`.
        """
        removed = 0
        old = self._clock.now() - timedelta(seconds=ORPHANS_S)
        try:
            for prefix in ("sha256/", "thumbnails/", "texts/", "incoming/"):
                waiting: list[Stored] = []
                async for stored in self._blobs.listing(prefix):
                    if stored.changed_at < old:
                        waiting.append(stored)
                    if len(waiting) >= _BATCH:
                        removed += await self._give_up_unknown(waiting)
                        waiting = []
                removed += await self._give_up_unknown(waiting)
        except (BlobsFault, StorageUnavailable) as away:
            _log.warning("store_not_walked", error=str(away))
        if removed:
            _log.info("orphans_found", objects=removed)
        return removed

    async def _give_up(self, attachment_id: AttachmentId, state: AttachmentState, *, is_attached: bool) -> None:
        if is_attached:
            if state is AttachmentState.PENDING:
                await self._storage.fail_upload(attachment_id, "it was not sent whole in time")
            with suppress(Refused):
                await self._attachments.settled(attachment_id)
        else:
            await self._storage.drop_upload(attachment_id)
        await self._contents.forget_parts(attachment_id)

    async def _give_up_unknown(self, found: Sequence[Stored]) -> int:
        """Objects whose name is none of ours are left alone: the store may be somebody else's, too."""
        contents = {stored.key: match[1] for stored in found if (match := _CONTENT.fullmatch(stored.key))}
        parts = {stored.key: match[1].upper() for stored in found if (match := _PART.match(stored.key))}
        known = await self._storage.known_contents(set(contents.values())) if contents else frozenset()
        coming = await self._storage.uploads([AttachmentId(one) for one in set(parts.values())]) if parts else {}
        open_ = {one for one, upload in coming.items() if upload.attachment.state is AttachmentState.PENDING}
        strange = set(contents.values()) - known
        for sha256 in strange:
            # From now on it is known, and wanted by nobody: the sweep removes it, unless somebody brings it just now.
            await self._storage.claim_content(sha256, self._clock.now())
        gone: list[BlobKey] = [key for key, upload in parts.items() if upload not in open_]
        if gone:
            await self._blobs.delete(gone)
        return len(strange) + len(gone)
