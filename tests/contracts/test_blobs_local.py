"""The contract of a store for files' bytes on a folder of this machine."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typing_extensions import override

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import Blobs
from tests.contracts.blobs_suite import BlobsSuite


@pytest.mark.slow
class TestLocalBlobs(BlobsSuite):
    @pytest.fixture
    @override
    async def blobs(self) -> AsyncIterator[Blobs]:
        with tempfile.TemporaryDirectory() as folder:
            store = LocalBlobs(Path(folder) / "data" / "files")
            assert store.kind == "local"
            yield store
            await store.aclose()
            assert not list((Path(folder) / "data" / "files" / ".incoming").glob("*")), "left half written"
