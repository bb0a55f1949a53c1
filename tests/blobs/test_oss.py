"""Blobs on OSS: which endpoint is used for what, what is signed for others, how large objects are cut."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.blobs.oss import OssBlobs, OssSettings, oss_blobs
from multiplayer.blobs.oss_calls import OssCalls
from multiplayer.blobs.oss_parts import MAX_PARTS, PART_BYTES, Body, Stop, copy_ranges, part_bytes
from multiplayer.blobs.port import Shown, SignedPut, blob_key
from tests.support.oss_signatures import Key
from tests.support.oss_site import BUCKET, KEY_ID, SECRET, OssSite, oss_site

ALICES: Final = blob_key("rooms/alice.bin")
SHOWN: Final = Shown("text/plain", "attachment")
PUBLIC: Final = OssSettings("oss-cn-hangzhou.aliyuncs.com", BUCKET, KEY_ID, SECRET)
signatures = pytest.mark.parametrize("signature", ["v4", "v1"])


@pytest.fixture
async def site() -> AsyncIterator[OssSite]:
    async with oss_site() as running:
        yield running


async def put(blobs: OssBlobs, data: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield data

    await blobs.put(ALICES, pieces(), len(data))


async def sent_to(site: OssSite, signed: SignedPut, data: bytes = b"") -> httpx.Response:
    """Send what names another host to the stand-in, as DNS would."""
    parts = urlsplit(signed.url)
    async with httpx.AsyncClient(trust_env=False) as http:
        return await http.request(
            signed.method,
            f"{site.url}{parts.path}?{parts.query}",
            headers={**signed.headers, "Host": parts.netloc},
            content=data,
        )


@pytest.mark.slow
@signatures
async def test_transfers_are_internal_and_what_is_signed_names_the_public_endpoint(
    site: OssSite, signature: Literal["v4", "v1"]
) -> None:
    blobs = oss_blobs(replace(PUBLIC, signature=signature, internal_endpoint=site.url))
    await put(blobs, b"alice's")
    url = await blobs.sign_get(ALICES, SHOWN, for_s=60)
    assert url is not None
    assert url.startswith(f"https://{BUCKET}.oss-cn-hangzhou.aliyuncs.com/rooms/alice.bin?")
    answer = await sent_to(site, SignedPut(url, method="GET"))
    assert (answer.status_code, answer.content) == (200, b"alice's")
    signed = await blobs.sign_put(ALICES, size=6, for_s=60)
    assert signed is not None
    assert (await sent_to(site, signed, b"second")).status_code == 200
    assert site.bucket.objects["rooms/alice.bin"].data == b"second"
    await blobs.aclose()


@pytest.mark.slow
@signatures
async def test_downloads_are_signed_for_the_cdn_domain_and_uploads_are_not(
    site: OssSite, signature: Literal["v4", "v1"]
) -> None:
    site.cnames["files.example.org"] = BUCKET
    blobs = oss_blobs(replace(PUBLIC, signature=signature, internal_endpoint=site.url, cdn_domain="files.example.org"))
    await put(blobs, b"alice's")
    url = await blobs.sign_get(ALICES, SHOWN, for_s=60)
    assert url is not None
    assert url.startswith("https://files.example.org/rooms/alice.bin?")
    at_domain = await sent_to(site, SignedPut(url, method="GET"))
    assert (at_domain.content, at_domain.headers["content-disposition"]) == (b"alice's", "attachment")
    # A CDN asks its origin by the bucket's own name.
    at_origin = url.replace("files.example.org", f"{BUCKET}.oss-cn-hangzhou.aliyuncs.com")
    assert (await sent_to(site, SignedPut(at_origin, method="GET"))).content == b"alice's"
    signed = await blobs.sign_put(ALICES, size=1, for_s=60)
    assert signed is not None
    assert urlsplit(signed.url).netloc == f"{BUCKET}.oss-cn-hangzhou.aliyuncs.com"
    await blobs.aclose()


@pytest.mark.slow
@signatures
async def test_temporary_keys_work_for_transfers_and_for_others(site: OssSite, signature: Literal["v4", "v1"]) -> None:
    site.keys["STS.alice"] = Key("temporary", "token+of/alice=")
    settings = replace(PUBLIC, signature=signature, internal_endpoint=site.url)
    blobs = oss_blobs(
        replace(settings, access_key_id="STS.alice", access_key_secret="temporary", security_token="token+of/alice=")
    )
    await put(blobs, b"alice's")
    url = await blobs.sign_get(ALICES, SHOWN, for_s=60)
    signed = await blobs.sign_put(ALICES, size=6, for_s=60)
    assert url is not None
    assert signed is not None
    assert (await sent_to(site, SignedPut(url, method="GET"))).content == b"alice's"
    assert (await sent_to(site, signed, b"second")).status_code == 200
    await blobs.aclose()


@pytest.mark.slow
@signatures
async def test_everything_that_is_written_is_encrypted_as_set(site: OssSite, signature: Literal["v4", "v1"]) -> None:
    settings = replace(PUBLIC, signature=signature, internal_endpoint=site.url, copy_whole_bytes=1_000_000)
    blobs = oss_blobs(replace(settings, server_side_encryption="KMS", kms_key_id="key-1"))
    expected = {"x-oss-server-side-encryption": "KMS", "x-oss-server-side-encryption-key-id": "key-1"}
    for data in (b"small", b"large" * 2_000_000):
        await put(blobs, data)
        assert site.bucket.objects["rooms/alice.bin"].encryption == expected
        await blobs.copy(ALICES, blob_key("copied"))
        assert site.bucket.objects["copied"].encryption == expected
        assert site.bucket.objects["copied"].data == data
    signed = await blobs.sign_put(blob_key("by-bob"), size=3, for_s=60)
    assert signed is not None
    assert (await sent_to(site, signed, b"bob")).status_code == 200
    assert site.bucket.objects["by-bob"].encryption == expected
    without = replace_headers(signed, {"Content-Type": signed.headers["Content-Type"]})
    assert (await sent_to(site, without, b"bob")).status_code == 403
    await blobs.aclose()


def replace_headers(signed: SignedPut, headers: dict[str, str]) -> SignedPut:
    return SignedPut(signed.url, headers, signed.method)


@pytest.mark.slow
async def test_an_object_too_large_for_one_copy_is_copied_in_parts_within_the_store(site: OssSite) -> None:
    settings = replace(PUBLIC, internal_endpoint=site.url, copy_whole_bytes=1_000_000, copy_part_bytes=400_000)
    blobs = oss_blobs(settings)
    data = bytes(range(250)) * 5_000
    await put(blobs, data)
    site.done.clear()
    await blobs.copy(ALICES, blob_key("copied"))
    assert site.bucket.objects["copied"].data == data
    assert site.done == [
        "HeadObject",
        "InitiateMultipartUpload",
        *["UploadPartCopy"] * 4,
        "CompleteMultipartUpload",
    ]
    await blobs.aclose()


async def test_an_upload_that_nobody_waits_for_any_more_ends_in_the_middle() -> None:
    calls, stop, is_under_way = OssCalls(1, 0.01), threading.Event(), asyncio.Event()
    body, loop = Body(bytearray(100), stop), asyncio.get_running_loop()
    ends: list[str] = []

    def send() -> None:
        assert body.read(10) == bytes(10)
        loop.call_soon_threadsafe(is_under_way.set)
        stop.wait(20.0)
        try:
            body.read(10)
        except Stop:
            ends.append("in the middle")

    async with asyncio.timeout(30.0), asyncio.TaskGroup() as tasks:
        work = tasks.create_task(calls.call(send, stop=stop))
        await is_under_way.wait()
        work.cancel()
    assert work.cancelled()
    assert ends == ["in the middle"]
    await calls.aclose()


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("https://oss-cn-beijing-internal.aliyuncs.com", "cn-beijing"),
        ("oss-ap-southeast-1.aliyuncs.com", "ap-southeast-1"),
        ("http://oss-us-west-1-internal.aliyuncs.com:80", "us-west-1"),
        ("cn-hangzhou.oss.aliyuncs.com", "cn-hangzhou"),
    ],
)
async def test_the_region_is_read_from_the_endpoint(endpoint: str, region: str) -> None:
    blobs = oss_blobs(replace(PUBLIC, endpoint=endpoint))
    url = await blobs.sign_get(ALICES, SHOWN, for_s=60)
    assert url is not None
    assert parse_qs(urlsplit(url).query)["x-oss-credential"][0].split("/")[2] == region
    await blobs.aclose()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (replace(PUBLIC, endpoint="oss-accelerate.aliyuncs.com"), "region"),
        (replace(PUBLIC, endpoint="files.example.org"), "region"),
        (replace(PUBLIC, endpoint="not an endpoint", region="cn-hangzhou"), "not well formed"),
        (replace(PUBLIC, bucket="Not_A_Bucket!"), "not well formed"),
    ],
)
def test_settings_that_cannot_work_are_named(settings: OssSettings, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        oss_blobs(settings)


@given(st.integers(0, 48 * 1024**4))
def test_parts_of_a_known_size_suffice_for_it(size: int) -> None:
    part = part_bytes(1, size)
    assert part >= PART_BYTES
    assert part * MAX_PARTS >= size
    assert size > PART_BYTES * MAX_PARTS or part == PART_BYTES


def test_parts_of_an_unknown_size_grow_but_stay_within_memory() -> None:
    sizes = [part_bytes(number, None) for number in range(1, MAX_PARTS + 1)]
    assert sizes[0] == PART_BYTES
    assert sizes == sorted(sizes)
    assert max(sizes) == 8 * PART_BYTES
    assert sum(sizes) > 290 * 1024**3


@given(st.integers(1, 10**13), st.integers(100_000, 10**9))
def test_a_copy_in_parts_leaves_nothing_out(size: int, part: int) -> None:
    ranges = list(copy_ranges(size, part))
    assert len(ranges) <= MAX_PARTS
    assert ranges[0][0] == 0
    assert ranges[-1][1] == size - 1
    assert all(after[0] == before[1] + 1 for before, after in pairwise(ranges))
