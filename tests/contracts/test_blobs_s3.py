"""The contract of a store for files' bytes on what speaks as Amazon S3 does, and what S3 alone has."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import ClassVar

import httpx
import pytest
from typing_extensions import override

from multiplayer.blobs.objects import s3_blobs
from multiplayer.blobs.port import BlobCorrupt, Blobs, BlobsDenied, blob_key
from multiplayer.blobs.signing import S3Signer
from tests.contracts.blobs_suite import BIG, BlobsSuite, SourceBrokeError, expect_denied, listed, pieces_of
from tests.support.s3_store import KEY_ID, REGION, SECRET, s3_store

pytestmark = [pytest.mark.slow]
ALICES = blob_key("alice.bin")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with s3_store() as url:
        yield url


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def bucket(endpoint: str, numbers: Iterator[int]) -> str:
    name = f"bucket-{next(numbers)}"
    where = f"<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
    with httpx.Client(trust_env=False) as http:
        http.put(signed("PUT", endpoint, name), content=where).raise_for_status()
    return name


def signed(method: str, endpoint: str, bucket: str, **query: str) -> str:
    return S3Signer(f"{endpoint}/{bucket}", REGION, KEY_ID, SECRET).url(method, "", query, {}, 60)


def store(endpoint: str, bucket: str, *, secret: str = SECRET, key_id: str = KEY_ID, prefix: str = "") -> Blobs:
    return s3_blobs(
        bucket=bucket,
        endpoint=endpoint,
        region=REGION,
        key_id=key_id,
        secret=secret,
        prefix=prefix,
        path_style=True,
        allow_http=True,
        timeout_s=20,
    )


class TestS3(BlobsSuite):
    signs: ClassVar = True
    binds_size: ClassVar = True

    @pytest.fixture
    @override
    async def blobs(self, endpoint: str, bucket: str) -> AsyncIterator[Blobs]:
        blobs = store(endpoint, bucket, prefix="some/where")
        assert blobs.kind == "s3"
        yield blobs
        await blobs.aclose()


async def test_another_prefix_of_the_bucket_is_another_store(endpoint: str, bucket: str) -> None:
    mine, other, all_ = (store(endpoint, bucket, prefix=prefix) for prefix in ("mine", "/mine-too/", ""))
    for blobs in (mine, other):
        await blobs.put(ALICES, pieces_of(b"x"))
    await mine.delete([ALICES])
    assert await listed(mine) == []
    assert await listed(other) == [ALICES]
    assert await listed(all_) == [f"mine-too/{ALICES}"]


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"key_id": "AKIAANOTHER"}])
async def test_a_wrong_key_is_denied_and_its_urls_are_worth_nothing(
    endpoint: str, bucket: str, wrong: dict[str, str]
) -> None:
    right, thief = store(endpoint, bucket), store(endpoint, bucket, **wrong)
    await expect_denied(right, thief)


async def test_a_bucket_that_is_not_there_is_denied(endpoint: str, bucket: str) -> None:
    blobs = store(endpoint, f"{bucket}-not-there")
    with pytest.raises(BlobsDenied):
        await blobs.check()
    with pytest.raises(BlobsDenied):
        await blobs.put(ALICES, pieces_of(BIG))


async def test_a_put_that_fails_leaves_no_parts_in_the_bucket(endpoint: str, bucket: str) -> None:
    begun: list[int] = []

    async def breaks() -> AsyncIterator[bytes]:
        async for piece in pieces_of(BIG[:16_000_000]):
            yield piece
        begun.append(await uploads(endpoint, bucket))
        raise SourceBrokeError

    with pytest.raises(SourceBrokeError):
        await store(endpoint, bucket).put(ALICES, breaks())
    assert begun == [1]
    assert await uploads(endpoint, bucket) == 0


async def test_an_object_that_is_replaced_while_it_is_read_is_not_taken_for_one_whole(
    endpoint: str, bucket: str
) -> None:
    blobs = store(endpoint, bucket)
    await blobs.put(ALICES, pieces_of(BIG))
    pieces = blobs.read(ALICES)
    await anext(pieces)
    await blobs.put(ALICES, pieces_of(BIG[::-1]))
    with pytest.raises(BlobCorrupt):
        [piece async for piece in pieces]


async def uploads(endpoint: str, bucket: str) -> int:
    """Count the uploads that were begun and are neither whole nor given up."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.get(signed("GET", endpoint, bucket, uploads=""))
    assert answer.status_code == 200, answer.text
    return answer.text.count("<UploadId>")


async def test_an_environment_for_others_does_not_count(
    endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true")
    await store(endpoint, bucket).check()
