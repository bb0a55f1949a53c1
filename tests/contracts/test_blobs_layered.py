"""The contract of a store in front of an older one, and that what is old is found, moved by no one, and swept."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.blobs.layered import LayeredBlobs
from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import Blobs, blob_key
from tests.contracts.blobs_suite import BlobsSuite


@pytest.mark.slow
class TestLayeredBlobs(BlobsSuite):
    @pytest.fixture
    @override
    async def blobs(self) -> AsyncIterator[Blobs]:
        with tempfile.TemporaryDirectory() as folder:
            older = LocalBlobs(Path(folder) / "older")
            await older.put(blob_key("old/thing"), once(b"old"))
            store = LayeredBlobs(LocalBlobs(Path(folder) / "first"), older)
            # The suite looks at all that is there: only what it has put itself.
            await store.delete([blob_key("old/thing")])
            yield store
            await store.aclose()


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def content(blobs: Blobs, key: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(blob_key(key))])


async def test_what_lies_in_the_older_store_is_read_copied_listed_and_removed(tmp_path: Path) -> None:
    first, older = LocalBlobs(tmp_path / "first"), LocalBlobs(tmp_path / "older")
    both = LayeredBlobs(first, older)
    for key in ("a/1", "a/3", "a/4"):
        await older.put(blob_key(key), once(b"old"))
    for key in ("a/2", "a/3"):
        await both.put(blob_key(key), once(b"new"))
    assert [await content(both, key) for key in ("a/1", "a/2", "a/3")] == [b"old", b"new", b"new"]
    assert [stored.key async for stored in both.listing("a/")] == ["a/1", "a/2", "a/3", "a/4"]
    await both.copy(blob_key("a/1"), blob_key("b/1"))
    assert await content(first, "b/1") == b"old"
    assert await older.head(blob_key("b/1")) is None
    await both.delete([blob_key(key) for key in ("a/1", "a/2", "a/3")])
    assert [stored.key async for stored in both.listing("")] == ["a/4", "b/1"]
    assert await both.head(blob_key("a/1")) is None
