"""Blobs in Alibaba Cloud OSS: signed by V4 or V1, with internal and public endpoints, and a CDN domain for downloads.

Which signature for which address (Alibaba Cloud: "V4 signatures in presigned URLs", "Use custom domain names", "How do I
configure an accelerated domain name for CDN by using OSS SDKs?"): both versions sign `/bucket/key`, whatever the host, so
one form is right for the bucket's own domain and for a domain that is bound to it (CNAME). The host itself is left out
of the signature on purpose: a CDN asks its origin under another name. The CDN has to forward all query parameters, and
its "private bucket access" has to be off: OSS refuses what is signed in the URL and in a header at once.
"""

import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import structlog

from multiplayer.blobs.oss_bucket import BATCH, Found, Opened, OssBucket, Written
from multiplayer.blobs.oss_calls import OssCalls, oss2, silence_oss2
from multiplayer.blobs.oss_parts import MAX_PARTS, Body, Crc64, copy_ranges, digest, parts
from multiplayer.blobs.oss_settings import OssSettings
from multiplayer.blobs.port import BlobCorrupt, BlobKey, BlobMissing, BlobsFault, Shown, SignedPut, Stored, blob_key

__all__ = ["OssBlobs", "OssSettings", "oss_blobs"]

MAX_SIGNED_S: Final = 7 * 24 * 3600
_log = structlog.get_logger(__name__)


def oss_blobs(settings: OssSettings) -> "OssBlobs":
    """Return the store. Asks nobody anything. Raises `ValueError` with a sentence for settings that cannot work."""
    silence_oss2()
    try:
        bucket = OssBucket(settings)
    except oss2.exceptions.ClientError:
        raise ValueError("the endpoint or the name of the OSS bucket is not well formed") from None
    return OssBlobs(bucket, OssCalls(settings.workers, settings.first_pause_s), settings)


@dataclass(slots=True)
class _Upload:
    """A multipart upload under way, with what OSS calls its parts."""

    id: str
    etags: list[str] = field(default_factory=list)


class OssBlobs:
    """Objects of one bucket, under a prefix if there is one. Build it with `oss_blobs`."""

    kind: Final = "oss"

    def __init__(self, bucket: OssBucket, calls: OssCalls, settings: OssSettings) -> None:
        self._bucket = bucket
        self._calls = calls
        prefix = settings.prefix.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._copy_whole_bytes = settings.copy_whole_bytes
        self._copy_part_bytes = settings.copy_part_bytes

    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        name, crc, stop = self._name(key), Crc64(), threading.Event()
        upload: _Upload | None = None
        total = 0
        try:
            async with aclosing(parts(pieces, size)) as gathered:  # type: ignore[type-var]  # a generator
                async for number, part, is_last in gathered:
                    total += len(part)
                    if is_last and upload is None:
                        return await self._put_whole(key, part, crc, stop)
                    upload = upload or await self._begin(name)
                    await self._put_part(name, upload, number, part, crc, stop)
            assert upload is not None, "the last part ends this"
            return await self._checked(key, await self._complete(name, upload), total, crc)
        except BaseException:
            if upload is not None:
                await self._abort(name, upload)
            raise

    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        assert start >= 0, "not a range"
        assert end is None or start <= end, "not a range"
        if start == end:
            if await self.head(key) is None:
                raise BlobMissing("the object store has no such object")
            return
        name = self._name(key)
        opened = await self._calls.call(lambda: self._bucket.open(name, start, end), leftover=_close)
        if opened is None:
            return
        crc, seen, is_over = Crc64(), 0, False

        def next_piece() -> bytes:
            piece = opened.next_piece()
            if opened.crc is not None:
                crc.add(piece)
            return piece

        try:
            while piece := await self._calls.call(next_piece, is_idempotent=False):
                seen += len(piece)
                yield piece
            is_over = True
        finally:
            if not is_over:
                self._calls.later(opened.close)
        if seen != opened.size:
            raise BlobCorrupt(f"the object store gave {seen} bytes of {opened.size}")
        if crc.differs_from(opened.crc):
            raise BlobCorrupt("the object store gave other bytes than it has the checksum of")

    async def head(self, key: BlobKey) -> Stored | None:
        name = self._name(key)
        try:
            found = await self._calls.call(lambda: self._bucket.head(name))
        except BlobMissing:
            return None
        return Stored(key, found.size, found.changed_at)

    async def copy(self, key: BlobKey, to: BlobKey) -> None:
        source, target = self._name(key), self._name(to)
        found = await self._calls.call(lambda: self._bucket.head(source))
        if source == target:
            return
        if found.size <= self._copy_whole_bytes:
            await self._calls.call(lambda: self._bucket.copy(source, target))
            return
        upload = await self._begin(target)
        try:
            for number, given in enumerate(copy_ranges(found.size, self._copy_part_bytes), start=1):
                upload.etags.append(await self._calls.call(self._part_copy(source, given, target, upload.id, number)))
            copied = await self._complete(target, upload)
        except BaseException:
            await self._abort(target, upload)
            raise
        if None not in {found.crc, copied.crc} and found.crc != copied.crc:
            await self.delete([to])
            raise BlobCorrupt("the copy has another checksum than what was copied")

    async def delete(self, keys: Sequence[BlobKey]) -> None:
        names = list(dict.fromkeys(map(self._name, keys)))
        for at in range(0, len(names), BATCH):
            await self._calls.call(self._deletion(names[at : at + BATCH]))

    async def listing(self, prefix: str) -> AsyncGenerator[Stored, None]:
        token: str | None = ""
        while token is not None:
            page, token = await self._calls.call(self._page(self._prefix + prefix, token))
            for one in page:
                yield Stored(BlobKey(one.name[len(self._prefix) :]), one.size, one.changed_at)

    async def sign_get(self, key: BlobKey, shown: Shown, *, for_s: int) -> str | None:
        assert 0 < for_s <= MAX_SIGNED_S, "OSS signs for a week at most"
        return self._bucket.sign_get(self._name(key), shown, for_s)

    async def sign_put(self, key: BlobKey, *, size: int, for_s: int) -> SignedPut | None:
        assert 0 < for_s <= MAX_SIGNED_S, "OSS signs for a week at most"
        return self._bucket.sign_put(self._name(key), size, for_s)

    async def check(self) -> None:
        key, content = blob_key(f"checks/{uuid.uuid4().hex}"), b"may be removed"

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await self.put(key, pieces(), len(content))
        try:
            found = b"".join([piece async for piece in self.read(key)])
            listed = [one.key async for one in self.listing(key)]
        finally:
            await self.delete([key])
        if found != content or listed != [key]:
            raise BlobCorrupt("the object store does not give back what was put there")

    async def aclose(self) -> None:
        await self._calls.aclose()
        self._bucket.close()

    def _name(self, key: BlobKey) -> str:
        return self._prefix + key

    async def _put_whole(self, key: BlobKey, data: bytearray, crc: Crc64, stop: threading.Event) -> Stored:
        name = self._name(key)
        md5 = await self._calls.call(lambda: digest(data, crc))
        written = await self._calls.call(lambda: self._bucket.put(name, Body(data, stop), md5), stop=stop)
        return await self._checked(key, written, len(data), crc)

    async def _begin(self, name: str) -> _Upload:
        def end(upload_id: str) -> None:
            self._calls.later(lambda: self._bucket.abort(name, upload_id))

        # Asked twice, OSS would begin two.
        return _Upload(await self._calls.call(lambda: self._bucket.begin(name), is_idempotent=False, leftover=end))

    async def _put_part(
        self, name: str, upload: _Upload, number: int, data: bytearray, crc: Crc64, stop: threading.Event
    ) -> None:
        assert number <= MAX_PARTS, "parts grow, so that this many are more than OSS takes"
        md5 = await self._calls.call(lambda: digest(data, crc))
        etag = await self._calls.call(
            lambda: self._bucket.put_part(name, upload.id, number, Body(data, stop), md5), stop=stop
        )
        upload.etags.append(etag)

    async def _complete(self, name: str, upload: _Upload) -> Written:
        # Asked again after an answer that was lost, OSS would say that there is no such upload.
        return await self._calls.call(lambda: self._bucket.complete(name, upload.id, upload.etags), is_idempotent=False)

    async def _checked(self, key: BlobKey, written: Written, size: int, crc: Crc64) -> Stored:
        if crc.differs_from(written.crc):
            await self.delete([key])
            raise BlobCorrupt("the object store counted another checksum than was sent")
        return Stored(key, size, written.at)

    async def _abort(self, name: str, upload: _Upload) -> None:
        try:
            await self._calls.call(lambda: self._bucket.abort(name, upload.id))
        except BlobsFault as fault:
            # A lifecycle rule of the bucket takes such parts away; the caller's own error says more than this one.
            _log.warning("unfinished_upload_left", object=name, why=str(fault))

    def _part_copy(
        self, source: str, given: tuple[int, int], target: str, upload_id: str, number: int
    ) -> Callable[[], str]:
        return lambda: self._bucket.copy_part(source, given, target, upload_id, number)

    def _deletion(self, names: Sequence[str]) -> Callable[[], None]:
        return lambda: self._bucket.delete(names)

    def _page(self, prefix: str, token: str) -> Callable[[], tuple[list[Found], str | None]]:
        return lambda: self._bucket.page(prefix, token)


def _close(late: Opened | None) -> None:
    if late is not None:
        late.close()
