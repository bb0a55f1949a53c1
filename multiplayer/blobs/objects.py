"""Files' bytes in Amazon S3, what speaks like it, or Azure: by obstore, with URLs signed for others."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final, Literal, NotRequired, TypedDict, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.store import AzureStore, S3Store

from multiplayer.blobs.object_faults import told
from multiplayer.blobs.object_upload import PART_BYTES, Feed, parts_of, settled
from multiplayer.blobs.port import (
    PIECE_BYTES,
    BlobCorrupt,
    BlobKey,
    BlobMissing,
    BlobsDenied,
    Shown,
    SignedPut,
    Stored,
)
from multiplayer.blobs.signing import AzureSigner, S3Signer, Signer

_T = TypeVar("_T")
_PARTS_AT_ONCE: Final = 2
_RANGE_BYTES: Final = 16 * PIECE_BYTES
"""What one request reads: no connection stays open while whoever reads is slow, and no time limit is for the whole."""
_COPY_BYTES: Final = 5 * 1024**3
"""S3 copies no more in one request."""
_ABANDON_S: Final = 10.0
"""How long a put that failed waits for the store to forget its parts."""
_PAGE: Final = 1_000
_DELETE_PAGE: Final = 250
"""Azure takes 256 in one request, S3 a thousand."""
_TRIES: Final = 4
_FIRST_PAUSE: Final = timedelta(seconds=0.1)
_LONGEST_PAUSE: Final = timedelta(seconds=2)


class _S3Credential(TypedDict):
    access_key_id: str
    secret_access_key: str
    token: NotRequired[str | None]
    expires_at: datetime | None


class _AzureCredential(TypedDict):
    access_key: str
    expires_at: datetime | None


def s3_blobs(
    *,
    bucket: str,
    region: str,
    key_id: str,
    secret: str,
    endpoint: str | None = None,
    public_endpoint: str | None = None,
    prefix: str = "",
    path_style: bool = False,
    allow_http: bool = False,
    timeout_s: float = 60.0,
) -> "ObjectBlobs":
    """Return a store in a bucket that exists. No request is made yet, and no environment variable counts.

    `endpoint` is without the bucket; None is Amazon's for the region. `public_endpoint` is where others reach it, if
    that is elsewhere. `timeout_s` is for one request, of at most 5 MiB.
    """

    def give_key() -> _S3Credential:
        return {"access_key_id": key_id, "secret_access_key": secret, "expires_at": None}

    amazon = f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    store = S3Store(
        bucket,
        # Given also for Amazon, or else one in the environment would count.
        endpoint=_host_of(endpoint or amazon, None if path_style else bucket),
        region=region,
        virtual_hosted_style_request=not path_style,
        skip_signature=False,
        unsigned_payload=False,
        request_payer=False,
        # Not as plain values, to which a session token in the environment would be added.
        credential_provider=give_key,
        client_options={
            "allow_http": allow_http,
            "connect_timeout": timedelta(seconds=min(timeout_s, 5.0)),
            "timeout": timedelta(seconds=timeout_s),
        },
        retry_config={
            "max_retries": _TRIES - 1,
            "retry_timeout": timedelta(seconds=timeout_s),
            "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
        },
    )
    public = _host_of(public_endpoint or endpoint or amazon, None if path_style else bucket)
    signer = S3Signer(f"{public}/{bucket}" if path_style else public, region, key_id, secret)
    return ObjectBlobs("s3", store, signer, prefix)


def azure_blobs(
    *,
    account: str,
    container: str,
    secret: str,
    endpoint: str | None = None,
    public_endpoint: str | None = None,
    prefix: str = "",
    allow_http: bool = False,
    timeout_s: float = 60.0,
) -> "ObjectBlobs":
    """Return a store in a container that exists. No request is made yet, and no environment variable counts.

    `secret` is the account's key in base64. `endpoint` is without the container (with the account's name, where that
    is part of the path); None is Azure's own. `timeout_s` is for one request, of at most 5 MiB.
    """

    def give_key() -> _AzureCredential:
        return {"access_key": secret, "expires_at": None}

    endpoint = (endpoint or f"https://{account}.blob.core.windows.net").rstrip("/")
    store = AzureStore(
        container,
        account_name=account,
        endpoint=endpoint,
        use_emulator=False,
        skip_signature=False,
        credential_provider=give_key,
        client_options={
            "allow_http": allow_http,
            "connect_timeout": timedelta(seconds=min(timeout_s, 5.0)),
            "timeout": timedelta(seconds=timeout_s),
        },
        retry_config={
            "max_retries": _TRIES - 1,
            "retry_timeout": timedelta(seconds=timeout_s),
            "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
        },
    )
    public = (public_endpoint or endpoint).rstrip("/")
    return ObjectBlobs("azure", store, AzureSigner(f"{public}/{container}", account, container, secret), prefix)


class ObjectBlobs:
    """A bucket's objects below a prefix. Uploads that a crash left unfinished are for a lifecycle rule of the bucket."""

    def __init__(self, kind: Literal["s3", "azure"], store: S3Store | AzureStore, signer: Signer, prefix: str) -> None:
        self._kind = kind
        self._store = store
        self._signer = signer
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @property
    def kind(self) -> str:
        return self._kind

    async def put(self, key: BlobKey, pieces: AsyncIterable[bytes], size: int | None = None) -> Stored:
        """See `Blobs.put`. What is less than a part is one request; more goes up in parts as it comes."""
        async with aclosing(parts_of(pieces, size)) as parts:
            first = await anext(parts)
            if len(first) < PART_BYTES:
                total = len(first)
                with told(key, missing=BlobsDenied):
                    put = await obstore.put_async(self._store, self._path(key), first, use_multipart=False)
                tag = put["e_tag"]
            else:
                tag, total = await self._put_in_parts(key, first, parts)
        with told(key):
            try:
                there = await obstore.head_async(self._store, self._path(key))
            except FileNotFoundError as error:
                raise BlobCorrupt(f"the store does not have the {key} that it took") from error
        # With another tag it is what somebody else has put in the meantime.
        if there["e_tag"] == tag and there["size"] != total:
            await self.delete([key])
            raise BlobCorrupt(f"the store has {there['size']} bytes of the {total} of {key}")
        return Stored(key, total, there["last_modified"])

    async def _put_in_parts(self, key: BlobKey, first: bytes, parts: AsyncIterable[bytes]) -> tuple[str | None, int]:
        feed = Feed()
        upload = _begun(
            obstore.put_async(
                self._store,
                self._path(key),
                feed,
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        )
        upload.add_done_callback(feed.over)
        total = len(first)
        try:
            await feed.give(first)
            async for part in parts:
                if upload.done():
                    break  # in vain
                total += len(part)
                await feed.give(part)
            await feed.give(None)
            # From here on it ends by itself: whether it is there is known only then.
            await settled(upload)
        except BaseException:
            # It has to come to its own end, or the store keeps the parts.
            feed.abandon()
            await settled(upload, within_s=_ABANDON_S)
            upload.cancel()
            raise
        with told(key, missing=BlobsDenied):
            return upload.result()["e_tag"], total

    async def read(self, key: BlobKey, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `Blobs.read`. Raises `BlobCorrupt` also if the object is replaced meanwhile."""
        assert start >= 0
        path = self._path(key)
        with told(key):
            there = await obstore.head_async(self._store, path)
        end = there["size"] if end is None else min(end, there["size"])
        while start < end:
            until = min(end, start + _RANGE_BYTES)
            with told(key):
                answer = await obstore.get_async(
                    self._store, path, options={"range": (start, until), "if_match": there["e_tag"]}
                )
                data = bytes(await answer.bytes_async())
            if len(data) != until - start:
                raise BlobCorrupt(f"{len(data)} bytes came instead of {until - start} of {key}")
            for at in range(0, len(data), PIECE_BYTES):
                yield data[at : at + PIECE_BYTES]
            start = until

    async def head(self, key: BlobKey) -> Stored | None:
        """See `Blobs.head`. A bucket that is not there cannot be told from an object that is not."""
        with told(key):
            try:
                there = await obstore.head_async(self._store, self._path(key))
            except FileNotFoundError:
                return None
            return Stored(key, there["size"], there["last_modified"])

    async def copy(self, key: BlobKey, to: BlobKey) -> None:
        """See `Blobs.copy`. More than 5 GiB comes through here."""
        there = await self.head(key)
        if there is None:
            raise BlobMissing(f"there is no {key}")
        if there.size > _COPY_BYTES:
            async with aclosing(self.read(key)) as pieces:
                await self.put(to, pieces, there.size)
            return
        with told(key):
            await obstore.copy_async(self._store, self._path(key), self._path(to))

    async def delete(self, keys: Sequence[BlobKey]) -> None:
        """See `Blobs.delete`."""
        for at in range(0, len(keys), _DELETE_PAGE):
            page = keys[at : at + _DELETE_PAGE]
            try:
                with told("objects"):
                    await obstore.delete_async(self._store, [self._path(key) for key in page])
            except BlobMissing:
                # Azure says so of the first that is not there, and nothing of the others.
                await self._delete_each(page)

    async def _delete_each(self, keys: Sequence[BlobKey]) -> None:
        for key in keys:
            with contextlib.suppress(BlobMissing), told(key):
                await obstore.delete_async(self._store, self._path(key))

    async def listing(self, prefix: str) -> AsyncGenerator[Stored, None]:
        """See `Blobs.listing`."""
        begin = self._prefix + prefix
        folder = begin.rpartition("/")[0]
        with told("a listing"):
            pages = obstore.list(self._store, folder or None, offset=_before(begin), chunk_size=_PAGE)
        while True:
            with told("a listing"):
                try:
                    page = await anext(pages)
                except StopAsyncIteration:
                    return
            for there in page:
                if there["path"].startswith(begin):
                    key = BlobKey(there["path"][len(self._prefix) :])
                    yield Stored(key, there["size"], there["last_modified"])
                elif there["path"] > begin:
                    return

    async def sign_get(self, key: BlobKey, shown: Shown, *, for_s: int) -> str | None:
        """See `Blobs.sign_get`. Makes no request."""
        return self._signer.get(self._path(key), shown, for_s)

    async def sign_put(self, key: BlobKey, *, size: int, for_s: int) -> SignedPut | None:
        """See `Blobs.sign_put`. S3 binds the size, Azure does not. Makes no request."""
        return self._signer.put(self._path(key), size, for_s)

    async def check(self) -> None:
        """See `Blobs.check`."""
        probe = BlobKey(f"check/{secrets.token_hex(8)}")
        await self.put(probe, _once(b"check"), 5)
        try:
            if b"".join([piece async for piece in self.read(probe)]) != b"check":
                raise BlobCorrupt("the store does not give back what was put")
        finally:
            await self.delete([probe])

    async def aclose(self) -> None:
        """Nothing is held that does not end by itself."""

    def _path(self, key: BlobKey) -> str:
        return self._prefix + key


async def _once(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


def _begun(upload: Awaitable[_T]) -> "asyncio.Future[_T]":
    assert isinstance(upload, asyncio.Future), "obstore begins at once, and gives a future"
    return upload


def _before(begin: str) -> str | None:
    """Return what sorts before all that begins so, and after nearly all that sorts before: no key has a tilde."""
    last = begin[-1:]
    if last in {"", "/"}:
        return None
    return f"{begin[:-1]}.~" if last == "0" else f"{begin[:-1]}{chr(ord(last) - 1)}~"


def _host_of(endpoint: str, bucket: str | None) -> str:
    """Return the endpoint, with the bucket as part of its host if it is given."""
    parts = urlsplit(endpoint)
    assert parts.scheme in {"http", "https"}
    assert parts.netloc, f"not the URL of a store: {endpoint!r}"
    return f"{parts.scheme}://{f'{bucket}.' if bucket else ''}{parts.netloc}{parts.path.rstrip('/')}"
