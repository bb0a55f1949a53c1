"""The bytes of files in the store, by their checksum: put once, looked at once, removed when nothing refers to them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

import structlog

from multiplayer.blobs.port import BlobKey, Blobs, BlobsFault, BlobsUnavailable, blob_key, content_key
from multiplayer.live.clock import Clock
from multiplayer.protocol.attachments import FileFamily
from multiplayer.protocol.ids import AttachmentId
from multiplayer.storage.attachment_port import Content, StoredUpload
from multiplayer.storage.port import Storage
from multiplayer.tools.extraction.extraction import (
    Extracted,
    ExtractionBusy,
    ExtractionFailed,
    ExtractionLimits,
    Extractor,
)
from multiplayer.tools.extraction.sniff import HEAD_BYTES, FileKind, kind_of

_log = structlog.get_logger(__name__)
CLAIM_S: Final = 3600.0
"""So long nothing is swept that somebody is about to refer to."""
MOST_EXTRACTED_BYTES: Final = 100 * 1024 * 1024
"""Larger files are kept, and not looked into."""


class Contents:
    def __init__(self, storage: Storage, blobs: Blobs, extractor: Extractor | None, clock: Clock, folder: Path) -> None:
        """`extractor`: None where nothing can be looked into. `folder` is ours alone, for files on their way there."""
        self._storage = storage
        self._blobs = blobs
        self._extractor = extractor
        self._clock = clock
        self._folder = folder

    async def hold(self, content: Content) -> bool:
        """Claim bytes that should be there; False if they are not. Raises `BlobsFault`."""
        await self._claim(content.sha256)
        there = await self._blobs.head(content_key(content.sha256))
        return there is not None and there.size == content.size

    async def keep(self, key: BlobKey, sha256: str, size: int, attachment_id: AttachmentId, name: str) -> None:
        """Make what lies at `key`, whose checksum is known, the content of an upload, and that ready."""
        await self._claim(sha256)
        there = await self._blobs.head(content_key(sha256))
        if there is None or there.size != size:
            await self._blobs.copy(key, content_key(sha256))
        await self._ready(sha256, size, attachment_id, name)

    async def put(self, pieces: AsyncIterator[bytes], found: StoredUpload, sha256: str) -> None:
        """Put bytes that have this checksum; `pieces` raises at their end if they have not."""
        await self._claim(sha256)
        # Also when it is there: who says a checksum has to send the bytes, else it would be a way to them.
        await self._blobs.put(content_key(sha256), pieces, found.attachment.size)
        await self._ready(sha256, found.attachment.size, found.attachment.id, found.attachment.name)

    async def _claim(self, sha256: str) -> None:
        await self._storage.claim_content(sha256, self._clock.now() + timedelta(seconds=CLAIM_S))

    async def _ready(self, sha256: str, size: int, attachment_id: AttachmentId, name: str) -> None:
        content = await self._storage.content(sha256)
        if content is None:
            content = await self._looked_at(sha256, size, name)
        if await self._storage.finish_upload(attachment_id, content) is None:
            # Its claim has ended meanwhile, or it was given up: what was sent is kept for another try.
            raise BlobsUnavailable("the file took too long to be put in its place")
        await self.forget_parts(attachment_id)

    async def _looked_at(self, sha256: str, size: int, name: str) -> Content:
        key = content_key(sha256)
        head = b"".join([piece async for piece in self._blobs.read(key, 0, HEAD_BYTES)]) if size else b""
        kind = kind_of(head, name)
        found = await self._extracted(key, size, kind)
        if found is not None and found.thumbnail:
            await self._blobs.put(thumbnail_key(sha256), _once(found.thumbnail), len(found.thumbnail))
        text = (found.text or "").encode(errors="replace") if found is not None else b""
        if text:
            await self._blobs.put(text_key(sha256), _once(text), len(text))
        return Content(
            sha256=sha256,
            size=size,
            content_type=kind.content_type,
            family=FileFamily(kind.family),
            width=(found.width or 0) if found is not None else 0,
            height=(found.height or 0) if found is not None else 0,
            pages=(found.pages or 0) if found is not None else 0,
            has_thumbnail=found is not None and bool(found.thumbnail),
            has_text=bool(text),
            is_inline_safe=kind.is_inline_safe,
        )

    async def _extracted(self, key: BlobKey, size: int, kind: FileKind) -> Extracted | None:
        """Return what is in a file; None if it is not looked into. A hostile one costs only its own extraction."""
        if self._extractor is None or not 0 < size <= MOST_EXTRACTED_BYTES:
            return None
        with tempfile.TemporaryFile(dir=self._folder) as spooled:
            async for piece in self._blobs.read(key):
                await asyncio.to_thread(spooled.write, piece)
            await asyncio.to_thread(_rewind, spooled)
            try:
                found = await self._extractor.extract(spooled.fileno(), kind, ExtractionLimits())
            except (ExtractionFailed, ExtractionBusy) as cannot:
                _log.warning("file_not_looked_into", content=key, reason=str(cannot))
                return None
        if found.problem:
            _log.info("file_not_looked_into", content=key, reason=found.problem)
        return found

    async def forget_parts(self, attachment_id: AttachmentId) -> None:
        """Remove what an upload has sent. What is left is swept later."""
        try:
            keys = [part.key async for part in self._blobs.listing(f"incoming/{attachment_id.lower()}/")]
            await self._blobs.delete(keys)
        except BlobsFault as fault:
            _log.info("parts_not_removed", upload=attachment_id, error=str(fault))

    async def remove(self, sha256s: Sequence[str]) -> None:
        """Remove bytes and what was made of them. Raises `BlobsFault`."""
        keys = [key for one in sha256s for key in (content_key(one), thumbnail_key(one), text_key(one))]
        await self._blobs.delete(keys)


def thumbnail_key(sha256: str) -> BlobKey:
    return blob_key(f"thumbnails/{sha256[:2]}/{sha256}.webp")


def text_key(sha256: str) -> BlobKey:
    return blob_key(f"texts/{sha256[:2]}/{sha256}.txt")


def _rewind(file: IO[bytes]) -> None:
    file.flush()
    file.seek(0)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
