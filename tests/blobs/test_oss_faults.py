"""An OSS that is slow, broken, lying, full or closed to us: each is the port's own fault, and nothing half is ever seen."""

import asyncio
import logging
import random
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Final, Literal

import pytest

from multiplayer.blobs.oss import OssBlobs, OssSettings, oss_blobs
from multiplayer.blobs.oss_calls import TRIES
from multiplayer.blobs.port import (
    BlobCorrupt,
    BlobKey,
    BlobsDenied,
    BlobsFault,
    BlobsFull,
    BlobsUnavailable,
    Shown,
    blob_key,
)
from tests.support.oss_objects import Bucket
from tests.support.oss_signatures import Key
from tests.support.oss_site import BUCKET, KEY_ID, SECRET, Breaks, OssSite, oss_site

pytestmark = pytest.mark.slow

ALICES: Final = blob_key("alice.bin")
SMALL: Final = random.Random(1).randbytes(300_000)
LARGE: Final = random.Random(2).randbytes(17 * 1024 * 1024)
WAIT_S: Final = 30.0
FOREVER: Final = 1_000
PUTS: Final = [
    ("PutObject", SMALL),
    ("InitiateMultipartUpload", LARGE),
    ("UploadPart", LARGE),
    ("CompleteMultipartUpload", LARGE),
]
NAMES: Final = [name for name, _ in PUTS]


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[OssSite]:
    async with oss_site() as site:
        yield site


@pytest.fixture
def site(running: OssSite) -> OssSite:
    running.buckets[BUCKET] = Bucket()
    running.done.clear()
    running.hanging.clear()
    running.mend()
    return running


def settings_for(site: OssSite) -> OssSettings:
    return OssSettings(site.url, BUCKET, KEY_ID, SECRET, site.region, first_pause_s=0.01)


@asynccontextmanager
async def opened(settings: OssSettings) -> AsyncIterator[OssBlobs]:
    store = oss_blobs(settings)
    try:
        yield store
    finally:
        await store.aclose()


@pytest.fixture
async def blobs(site: OssSite, request: pytest.FixtureRequest) -> AsyncIterator[OssBlobs]:
    """A store that gives up soon where the site is going to hang, and has time elsewhere."""
    hangs = "how" in request.fixturenames and request.getfixturevalue("how") is Breaks.HANG
    async with opened(replace(settings_for(site), read_timeout_s=1.0 if hangs else 20.0)) as store:
        yield store


async def put(blobs: OssBlobs, data: bytes, key: BlobKey = ALICES) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 200_000):
            yield data[at : at + 200_000]

    async with asyncio.timeout(WAIT_S):
        await blobs.put(key, pieces(), len(data))


async def content(blobs: OssBlobs) -> bytes:
    async with asyncio.timeout(WAIT_S):
        return b"".join([piece async for piece in blobs.read(ALICES)])


def seen(site: OssSite) -> bytes | None:
    """What everybody sees of the object; nothing may be left of an upload that failed."""
    assert not site.bucket.uploads, "an upload was left unfinished"
    found = site.bucket.objects.get(str(ALICES))
    return None if found is None else found.data


@pytest.mark.parametrize("how", [Breaks.REFUSE, Breaks.REFUSE_AFTER, Breaks.DROP, Breaks.HANG])
@pytest.mark.parametrize("operation", ["PutObject", "UploadPart"])
async def test_a_put_is_tried_again_and_stores_once(
    site: OssSite, blobs: OssBlobs, operation: str, how: Breaks
) -> None:
    data = SMALL if operation == "PutObject" else LARGE
    site.breaks(operation, how)
    await put(blobs, data)
    assert seen(site) == data
    assert site.done.count(operation) == (2 if operation == "PutObject" else 4)


@pytest.mark.parametrize("how", [Breaks.REFUSE, Breaks.DROP, Breaks.HANG])
@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("PutObject", SMALL),
        ("InitiateMultipartUpload", LARGE),
        ("UploadPart", LARGE),
        ("CompleteMultipartUpload", LARGE),
    ],
    ids=NAMES,
)
@pytest.mark.parametrize("before", [None, b"the former one"])
async def test_a_store_that_stays_away_is_unavailable_soon_and_nothing_is_changed(
    site: OssSite, blobs: OssBlobs, how: Breaks, operation: str, data: bytes, before: bytes | None
) -> None:
    if before is not None:
        await put(blobs, before)
        site.done.clear()
    site.breaks(operation, how, times=FOREVER)
    with pytest.raises(BlobsUnavailable):
        await put(blobs, data)
    assert seen(site) == before
    assert site.done.count(operation) == (TRIES if operation in {"PutObject", "UploadPart"} else 1)
    site.mend()
    await put(blobs, data)
    assert seen(site) == data


async def test_a_completion_whose_answer_is_lost_leaves_the_whole_object_or_none(
    site: OssSite, blobs: OssBlobs
) -> None:
    site.breaks("CompleteMultipartUpload", Breaks.REFUSE_AFTER, status=500, code="InternalError")
    with pytest.raises(BlobsUnavailable):
        await put(blobs, LARGE)
    assert seen(site) == LARGE


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("PutObject", SMALL),
        ("InitiateMultipartUpload", LARGE),
        ("UploadPart", LARGE),
        ("CompleteMultipartUpload", LARGE),
    ],
    ids=NAMES,
)
@pytest.mark.parametrize(
    ("status", "code", "fault"),
    [
        (403, "AccessDenied", BlobsDenied),
        (403, "UserDisable", BlobsDenied),
        (400, "KmsServiceNotEnabled", BlobsDenied),
        (404, "NoSuchBucket", BlobsDenied),
        (403, "QuotaExceeded", BlobsFull),
        (507, "InsufficientStorage", BlobsFull),
        (400, "InvalidDigest", BlobCorrupt),
    ],
)
async def test_a_refusal_is_named_at_once_and_nothing_is_there(
    site: OssSite, blobs: OssBlobs, operation: str, data: bytes, status: int, code: str, fault: type[BlobsFault]
) -> None:
    site.breaks(operation, Breaks.REFUSE, times=FOREVER, status=status, code=code)
    with pytest.raises(fault):
        await put(blobs, data)
    assert site.done.count(operation) == 1
    assert seen(site) is None


@pytest.mark.parametrize(("operation", "data"), [("PutObject", SMALL), ("CompleteMultipartUpload", LARGE)])
async def test_what_was_stored_with_another_checksum_is_taken_away(
    site: OssSite, blobs: OssBlobs, operation: str, data: bytes
) -> None:
    site.breaks(operation, Breaks.WRONG_CRC)
    with pytest.raises(BlobCorrupt):
        await put(blobs, data)
    assert seen(site) is None


@pytest.mark.parametrize(("operation", "data"), [("PutObject", SMALL), ("UploadPart", LARGE)])
async def test_bytes_that_change_on_their_way_there_replace_nothing(
    site: OssSite, blobs: OssBlobs, operation: str, data: bytes
) -> None:
    await put(blobs, b"the former one")
    site.breaks(operation, Breaks.FLIP)
    with pytest.raises(BlobCorrupt):
        await put(blobs, data)
    assert seen(site) == b"the former one"


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        (Breaks.CUT, BlobsUnavailable),
        (Breaks.FLIP, BlobCorrupt),
        (Breaks.WRONG_CRC, BlobCorrupt),
        (Breaks.REFUSE, BlobsUnavailable),
        (Breaks.DROP, BlobsUnavailable),
        (Breaks.HANG, BlobsUnavailable),
    ],
)
async def test_what_comes_half_or_changed_is_never_taken_for_the_whole(
    site: OssSite, blobs: OssBlobs, how: Breaks, fault: type[BlobsFault]
) -> None:
    await put(blobs, LARGE)
    site.breaks("GetObject", how, times=FOREVER)
    with pytest.raises(fault):
        await content(blobs)
    site.mend()
    assert await content(blobs) == LARGE


@pytest.mark.parametrize("how", [Breaks.REFUSE, Breaks.DROP])
async def test_asking_and_removing_are_tried_again(site: OssSite, blobs: OssBlobs, how: Breaks) -> None:
    await put(blobs, SMALL)
    site.breaks("GetObject", how)
    assert await content(blobs) == SMALL
    site.breaks("HeadObject", how)
    assert await blobs.head(ALICES) is not None
    site.breaks("ListObjectsV2", how)
    assert [one.key async for one in blobs.listing("")] == [ALICES]
    site.breaks("CopyObject", how)
    await blobs.copy(ALICES, blob_key("copy.bin"))
    site.breaks("DeleteMultipleObjects", how)
    await blobs.delete([ALICES])
    assert list(site.bucket.objects) == ["copy.bin"]


@pytest.mark.parametrize("operation", ["ListObjectsV2", "InitiateMultipartUpload", "DeleteMultipleObjects"])
async def test_an_answer_that_is_not_of_oss_is_a_store_that_is_broken(
    site: OssSite, blobs: OssBlobs, operation: str
) -> None:
    async def ask() -> None:
        match operation:
            case "ListObjectsV2":
                assert [one async for one in blobs.listing("")] == []
            case "DeleteMultipleObjects":
                await blobs.delete([ALICES])
            case _:
                await put(blobs, LARGE)

    site.breaks(operation, Breaks.GARBAGE, times=FOREVER)
    with pytest.raises(BlobsUnavailable):
        await ask()


@pytest.mark.parametrize("how", [Breaks.HANG])
@pytest.mark.parametrize(("operation", "data"), [("PutObject", SMALL), ("UploadPart", LARGE), ("GetObject", b"")])
async def test_who_is_cancelled_while_the_store_hangs_leaves_nothing(
    site: OssSite, blobs: OssBlobs, operation: str, data: bytes, how: Breaks
) -> None:
    site.breaks(operation, how, times=FOREVER)
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as tasks:
        work = tasks.create_task(put(blobs, data) if data else content(blobs))
        await site.hanging.wait()
        work.cancel()
    assert work.cancelled()
    assert seen(site) is None


async def test_a_read_that_is_left_while_the_store_hangs_holds_nobody_up(site: OssSite, blobs: OssBlobs) -> None:
    await put(blobs, LARGE)
    async with asyncio.timeout(WAIT_S):
        async with aclosing(blobs.read(ALICES)) as pieces:
            assert await anext(pieces)
        assert await blobs.head(ALICES) is not None


@pytest.mark.parametrize("signature", ["v4", "v1"])
async def test_keys_that_the_store_does_not_take_are_denied_for_everything(
    site: OssSite, signature: Literal["v4", "v1"]
) -> None:
    await _is_denied(replace(settings_for(site), signature=signature, access_key_secret="another-secret"))
    await _is_denied(replace(settings_for(site), signature=signature, access_key_id="LTAInobody"))
    await _is_denied(replace(settings_for(site), signature=signature, bucket="no-such-bucket"))
    await _is_denied(replace(settings_for(site), signature=signature, security_token="not-asked-for"))


async def _is_denied(settings: OssSettings) -> None:
    async with opened(settings) as blobs:
        for data in (SMALL, LARGE):
            with pytest.raises(BlobsDenied):
                await put(blobs, data)
        with pytest.raises(BlobsDenied):
            await content(blobs)
        with pytest.raises(BlobsDenied):
            await blobs.head(ALICES)
        with pytest.raises(BlobsDenied):
            await blobs.copy(ALICES, blob_key("copy.bin"))
        with pytest.raises(BlobsDenied):
            await blobs.delete([ALICES])
        with pytest.raises(BlobsDenied):
            assert [one async for one in blobs.listing("")] == []
        with pytest.raises(BlobsDenied):
            await blobs.check()


async def test_a_store_that_nobody_serves_is_unavailable(site: OssSite) -> None:
    async with opened(replace(settings_for(site), endpoint="http://127.0.0.1:1")) as blobs:
        with pytest.raises(BlobsUnavailable):
            await blobs.check()


async def test_no_log_and_no_message_holds_a_key_a_signature_or_a_url(
    site: OssSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("oss2").setLevel(logging.DEBUG)
    token = "token-of-alice"
    site.keys["LTAItemporary"] = Key(SECRET, token)
    told: list[str] = []
    signatures: tuple[Literal["v4", "v1"], ...] = ("v4", "v1")
    for signature in signatures:
        settings = replace(settings_for(site), signature=signature, access_key_id="LTAItemporary", security_token=token)
        told.append(repr(settings))
        async with opened(settings) as blobs:
            await put(blobs, SMALL)
            await put(blobs, LARGE)
            shown = Shown("text/plain", "attachment")
            assert await blobs.sign_get(ALICES, shown, for_s=60)
            assert await blobs.sign_put(ALICES, size=1, for_s=60)
            for how, status, code in (
                (Breaks.REFUSE, 403, "SignatureDoesNotMatch"),
                (Breaks.REFUSE, 503, "x" * 500 + SECRET),
                (Breaks.DROP, 0, ""),
            ):
                site.breaks("*", how, times=FOREVER, status=status, code=code)
                with pytest.raises(BlobsFault) as raised:
                    await put(blobs, SMALL)
                told += traceback.format_exception(raised.value)
                site.mend()
    # What the transport below writes at this level, which no server does, has no signature either.
    told += caplog.messages
    for secret in (SECRET, token, "Signature=", "x-oss-signature", "Authorization"):
        assert not [one for one in told if secret in one], secret
    assert not [record for record in caplog.records if record.name.startswith("oss2")]
