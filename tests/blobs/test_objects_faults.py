"""A store that is slow, broken, full, or denies: the right fault, in bounded time, and nothing there that was not said."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from multiplayer.blobs.objects import ObjectBlobs, azure_blobs, s3_blobs
from multiplayer.blobs.port import (
    BlobCorrupt,
    BlobMissing,
    BlobsDenied,
    BlobsFault,
    BlobsFull,
    BlobsUnavailable,
    blob_key,
)

pytestmark = [pytest.mark.slow]
ALICES = blob_key("alice.bin")
SECRET = "the-secret-of-the-store"
BOUND_S = 30.0
DATE = b'Last-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\nETag: "tag"\r\n'


def answer(status: int, body: bytes = b"", headers: bytes = b"", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n%s%s\r\n%s" % (status, length, DATE, headers, body)


def error(status: int, code: str) -> bytes:
    return answer(status, f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode())


class FaultyServer:
    """Answers requests by a script: bytes are sent and the connection is kept, None is never answered.

    Where the script has nothing more to say it is a small store that works.
    """

    def __init__(self) -> None:
        self.script: list[bytes | Callable[[bytes], None] | None] = []
        self.requests: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.url = ""
        self._silent = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _request(reader)) is not None:
                method, path, body = request
                self.requests.append(f"{method} {path}")
                said = self.script.pop(0) if self.script else self._works(method, path, body)
                if said is None:
                    await self._silent.wait()
                    return
                if callable(said):
                    said(body)
                    self._works(method, path, body)
                    return  # taken, and hung up before the answer
                writer.write(said)
                await writer.drain()
                if method != "HEAD" and said.partition(b"\r\n\r\n")[2] != b"" and _is_short(said):
                    return
        except ConnectionError:
            return
        finally:
            writer.close()

    def _works(self, method: str, path: str, body: bytes) -> bytes:
        match method:
            case "PUT":
                self.objects[path] = body
                return answer(200)
            case "HEAD" if path in self.objects:
                return answer(200, length=len(self.objects[path]))
            case _:
                return answer(404)

    def end(self) -> None:
        self._silent.set()


def _is_short(said: bytes) -> bool:
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) > len(body)


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, bytes] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = lines[0].split(" ")
    return method, path, body


@asynccontextmanager
async def faulty() -> AsyncIterator[tuple[FaultyServer, ObjectBlobs]]:
    server = FaultyServer()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, limit=2**20)
    try:
        server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        yield server, store(server.url)
    finally:
        server.end()
        listening.close()


def store(url: str, timeout_s: float = 1.0) -> ObjectBlobs:
    return s3_blobs(
        bucket="bucket",
        endpoint=url,
        region="eu-west-1",
        key_id="AKIATEST",
        secret=SECRET,
        path_style=True,
        allow_http=True,
        timeout_s=timeout_s,
    )


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def put(blobs: ObjectBlobs, data: bytes = b"alice's") -> None:
    async with asyncio.timeout(BOUND_S):
        await blobs.put(ALICES, once(data), len(data))


async def read(blobs: ObjectBlobs) -> bytes:
    async with asyncio.timeout(BOUND_S):
        return b"".join([piece async for piece in blobs.read(ALICES)])


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ([error(403, "AccessDenied")], BlobsDenied),
        ([error(403, "SignatureDoesNotMatch")], BlobsDenied),
        ([error(401, "InvalidAccessKeyId")], BlobsDenied),
        ([error(404, "NoSuchBucket")], BlobsDenied),
        ([error(400, "AuthorizationHeaderMalformed")], BlobsDenied),
        ([answer(301)], BlobsDenied),
        ([error(507, "InsufficientStorage")] * 4, BlobsFull),
        ([error(507, "XMinioStorageFull")] * 4, BlobsFull),
        ([error(400, "BadDigest")], BlobCorrupt),
        ([error(400, "XAmzContentSHA256Mismatch")], BlobCorrupt),
        ([error(500, "InternalError")] * 4, BlobsUnavailable),
        ([error(503, "SlowDown")] * 4, BlobsUnavailable),
        ([answer(502, b"<html>a proxy's</html>")] * 4, BlobsUnavailable),
        ([error(400, "SomethingNew")], BlobsUnavailable),
        ([b"this is no HTTP\r\n\r\n"] * 4, BlobsUnavailable),
        ([None] * 4, BlobsUnavailable),
    ],
)
async def test_what_a_store_says_to_a_put_is_told_in_plain_words_and_in_time(
    said: Sequence[bytes | None], fault: type[BlobsFault]
) -> None:
    async with faulty() as (server, blobs):
        server.script = list(said)
        with pytest.raises(fault) as raised:
            await put(blobs)
        assert type(raised.value) is fault
        assert SECRET not in str(raised.value)
        assert "http" not in str(raised.value)
        assert server.objects == {}


async def test_a_put_is_tried_again_and_is_there_once() -> None:
    async with faulty() as (server, blobs):
        server.script = [error(500, "InternalError"), error(503, "SlowDown")]
        await put(blobs)
        assert server.objects == {"/bucket/alice.bin": b"alice's"}
        assert [one.split()[0] for one in server.requests] == ["PUT", "PUT", "PUT", "HEAD"]


async def test_a_put_whose_answer_was_lost_is_put_again_to_the_same_place() -> None:
    taken: list[bytes] = []
    async with faulty() as (server, blobs):
        server.script = [taken.append]
        await put(blobs)
        assert taken == [b"alice's"]
        assert server.objects == {"/bucket/alice.bin": b"alice's"}
        assert set(server.requests) == {"PUT /bucket/alice.bin", "HEAD /bucket/alice.bin"}


async def test_a_store_that_kept_less_than_it_was_sent_is_corrupt_and_asked_to_forget_it() -> None:
    async with faulty() as (server, blobs):
        deleted = answer(
            200, b"<?xml version='1.0'?><DeleteResult><Deleted><Key>alice.bin</Key></Deleted></DeleteResult>"
        )
        server.script = [answer(200), answer(200, length=3), deleted]
        with pytest.raises(BlobCorrupt):
            await put(blobs)
        assert server.requests[2].startswith("POST /bucket?delete")


async def test_a_store_that_took_it_and_does_not_have_it_is_corrupt() -> None:
    async with faulty() as (server, blobs):
        server.script = [answer(200), answer(404)]
        with pytest.raises(BlobCorrupt):
            await put(blobs)


BODY = hashlib.sha256(b"x").digest() * 100
HEAD = answer(200, length=len(BODY))
RANGE = b"Content-Range: bytes 0-%d/%d\r\n" % (len(BODY) - 1, len(BODY))


async def test_a_read_is_given_whole() -> None:
    async with faulty() as (server, blobs):
        server.script = [HEAD, answer(206, BODY, RANGE)]
        assert await read(blobs) == BODY


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ([answer(404)], BlobMissing),
        ([answer(403)], BlobsDenied),
        ([answer(500)] * 4, BlobsUnavailable),
        ([HEAD, error(404, "NoSuchKey")], BlobMissing),
        ([HEAD, error(403, "AccessDenied")], BlobsDenied),
        ([HEAD, error(412, "PreconditionFailed")], BlobCorrupt),
        ([HEAD, *[error(500, "InternalError")] * 4], BlobsUnavailable),
        ([HEAD, *[None] * 4], BlobsUnavailable),
        ([HEAD, *[answer(206, BODY[:1_000], RANGE, length=len(BODY))] * 8], BlobsUnavailable),
        ([HEAD, answer(206, BODY[:1_000], b"Content-Range: bytes 0-999/1000\r\n")], BlobCorrupt),
        ([HEAD, answer(206, BODY[:1_000], RANGE)], BlobCorrupt),
        ([HEAD, answer(206, BODY + b"more", RANGE)], BlobCorrupt),
    ],
)
async def test_what_goes_wrong_with_a_read_is_never_taken_for_the_whole(
    said: Sequence[bytes | None], fault: type[BlobsFault]
) -> None:
    async with faulty() as (server, blobs):
        server.script = list(said)
        with pytest.raises(BlobsFault) as raised:
            await read(blobs)
        assert type(raised.value) is fault, repr(raised.value.__cause__)


async def test_a_store_that_is_away_is_unavailable_in_time_for_every_method() -> None:
    async with faulty() as (server, _):
        gone = server.url
    for blobs in (
        store(gone),
        azure_blobs(
            account="a", container="box", secret="c2VjcmV0", endpoint=f"{gone}/a", allow_http=True, timeout_s=1
        ),
    ):
        async with asyncio.timeout(BOUND_S):
            with pytest.raises(BlobsUnavailable):
                await put(blobs)
            with pytest.raises(BlobsUnavailable):
                await put(blobs, bytes(12_000_000))
            with pytest.raises(BlobsUnavailable):
                await read(blobs)
            with pytest.raises(BlobsUnavailable):
                await blobs.head(ALICES)
            with pytest.raises(BlobsUnavailable):
                await blobs.copy(ALICES, ALICES)
            with pytest.raises(BlobsUnavailable):
                await blobs.delete([ALICES])
            with pytest.raises(BlobsUnavailable):
                await anext(blobs.listing(""))
            with pytest.raises(BlobsUnavailable):
                await blobs.check()


UPLOAD = answer(
    200,
    b"<?xml version='1.0'?><InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
)


async def test_an_upload_in_parts_that_fails_is_given_up_at_the_store() -> None:
    async with faulty() as (server, blobs):
        server.script = [UPLOAD, error(403, "AccessDenied"), error(403, "AccessDenied"), answer(204)]
        with pytest.raises(BlobsDenied):
            await put(blobs, bytes(11_000_000))
        assert any(one.startswith("DELETE /bucket/alice.bin?uploadId=u1") for one in server.requests), server.requests


async def test_an_endless_source_is_not_read_on_for_a_store_that_failed() -> None:
    async def endless() -> AsyncIterator[bytes]:
        for n in range(10_000):
            assert n < 500, "read on and on"
            yield bytes(1_000_000)
            await asyncio.sleep(0)

    async with faulty() as (server, blobs):
        server.script = [error(403, "AccessDenied")]
        async with asyncio.timeout(BOUND_S):
            with pytest.raises(BlobsDenied):
                await blobs.put(ALICES, endless())


async def test_a_cancelled_put_to_a_silent_store_ends_in_time() -> None:
    waiting = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield bytes(6_000_000)
        yield bytes(6_000_000)
        waiting.set()
        await asyncio.Event().wait()

    async with faulty() as (server, blobs):
        server.script = [UPLOAD, *[None] * 20]
        async with asyncio.timeout(BOUND_S), asyncio.TaskGroup() as tasks:
            going = tasks.create_task(blobs.put(ALICES, pieces()))
            await waiting.wait()
            going.cancel()
        assert going.cancelled()
