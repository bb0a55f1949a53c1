"""The contract of blobs on OSS: V4 and V1 signatures, and a bucket that is shared under a prefix."""

from collections.abc import AsyncIterator
from typing import ClassVar, Literal

import pytest
from typing_extensions import override

from multiplayer.blobs.oss import OssSettings, oss_blobs
from multiplayer.blobs.port import Blobs
from tests.contracts.blobs_suite import BlobsSuite
from tests.support.oss_objects import Bucket
from tests.support.oss_site import BUCKET, KEY_ID, SECRET, OssSite, oss_site

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[OssSite]:
    async with oss_site() as running:
        yield running


class OssSuite(BlobsSuite):
    signs = True
    signature: ClassVar[Literal["v4", "v1"]] = "v4"
    prefix: ClassVar[str] = ""

    @pytest.fixture
    @override
    async def blobs(self, site: OssSite) -> AsyncIterator[Blobs]:
        site.buckets[BUCKET] = Bucket()
        store = oss_blobs(
            OssSettings(site.url, BUCKET, KEY_ID, SECRET, site.region, signature=self.signature, prefix=self.prefix)
        )
        yield store
        await store.aclose()
        assert not site.bucket.uploads, "an upload was left unfinished"
        assert all(key.startswith(self.prefix) for key in site.bucket.objects)


class TestV4(OssSuite):
    binds_size = True


class TestV1(OssSuite):
    signature = "v1"


class TestUnderAPrefix(OssSuite):
    binds_size = True
    prefix = "team-a/files"
