"""The contract of a store for files' bytes on Azurite, and what Azure alone has."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import ClassVar
from urllib.parse import urlsplit

import httpx
import pytest
from typing_extensions import override

from multiplayer.blobs.objects import azure_blobs
from multiplayer.blobs.port import Blobs, BlobsDenied, blob_key
from tests.contracts.blobs_suite import BIG, BlobsSuite, SourceBrokeError, content, expect_denied, listed, pieces_of
from tests.support.azurite import ACCOUNT, SECRET, azurite

# The first run installs it, which may take two minutes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ALICES = blob_key("alice.bin")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with azurite() as url:
        yield url


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def container(endpoint: str, numbers: Iterator[int]) -> str:
    name = f"container-{next(numbers)}"
    at = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": at, "x-ms-version": "2020-12-06"}
    resource = f"/{ACCOUNT}{urlsplit(endpoint).path}/{name}\nrestype:container"
    lines = "".join(f"{header}:{value}\n" for header, value in sorted(headers.items()))
    text = "PUT" + "\n" * 12 + lines + resource
    signature = base64.b64encode(hmac.digest(base64.b64decode(SECRET), text.encode(), hashlib.sha256)).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    with httpx.Client(trust_env=False) as http:
        answer = http.put(f"{endpoint}/{name}?restype=container", headers=headers)
    assert answer.status_code == 201, answer.text
    return name


def store(endpoint: str, container: str, *, secret: str = SECRET, prefix: str = "") -> Blobs:
    return azure_blobs(
        account=ACCOUNT,
        container=container,
        secret=secret,
        endpoint=endpoint,
        prefix=prefix,
        allow_http=True,
        timeout_s=20,
    )


class TestAzure(BlobsSuite):
    signs: ClassVar = True
    many: ClassVar = 1_100

    @pytest.fixture
    @override
    async def blobs(self, endpoint: str, container: str) -> AsyncIterator[Blobs]:
        blobs = store(endpoint, container, prefix="some/where")
        assert blobs.kind == "azure"
        yield blobs
        await blobs.aclose()


async def test_another_prefix_of_the_container_is_another_store(endpoint: str, container: str) -> None:
    mine, other, all_ = (store(endpoint, container, prefix=prefix) for prefix in ("mine", "/mine-too/", ""))
    for blobs in (mine, other):
        await blobs.put(ALICES, pieces_of(b"x"))
    await mine.delete([ALICES])
    assert await listed(mine) == []
    assert await listed(other) == [ALICES]
    assert await listed(all_) == [f"mine-too/{ALICES}"]


async def test_a_wrong_key_is_denied_and_its_urls_are_worth_nothing(endpoint: str, container: str) -> None:
    right = store(endpoint, container)
    thief = store(endpoint, container, secret=base64.b64encode(b"another" * 9).decode())
    await expect_denied(right, thief)


async def test_a_container_that_is_not_there_is_denied(endpoint: str, container: str) -> None:
    blobs = store(endpoint, f"{container}-not-there")
    with pytest.raises(BlobsDenied):
        await blobs.check()
    with pytest.raises(BlobsDenied):
        await blobs.put(ALICES, pieces_of(BIG))


async def test_parts_of_a_put_that_failed_do_not_come_back_with_the_next(endpoint: str, container: str) -> None:
    async def breaks() -> AsyncIterator[bytes]:
        async for piece in pieces_of(BIG[:16_000_000]):
            yield piece
        raise SourceBrokeError

    blobs = store(endpoint, container)
    with pytest.raises(SourceBrokeError):
        await blobs.put(ALICES, breaks())
    await blobs.put(ALICES, pieces_of(BIG[::-1]), len(BIG))
    assert await content(blobs, ALICES) == BIG[::-1]


async def test_an_environment_for_others_does_not_count(
    endpoint: str, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_KEY"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
    monkeypatch.setenv("AZURE_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:9")
    await store(endpoint, container).check()
