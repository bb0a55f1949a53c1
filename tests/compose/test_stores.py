"""Which store the settings choose, and what becomes of the files from before."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import Blobs, blob_key
from multiplayer.compose.stores import open_blobs
from multiplayer.settings import BadSettings, Settings, load_settings
from tests.support.oss_site import BUCKET, KEY_ID, REGION, SECRET, oss_site


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings_for(folder: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return load_settings(data_dir=folder)


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def content(blobs: Blobs, key: str) -> bytes:
    return b"".join([piece async for piece in blobs.read(blob_key(key))])


@pytest.mark.slow
async def test_with_four_variables_new_files_go_to_oss_and_the_old_ones_are_still_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await LocalBlobs(tmp_path / "blobs").put(blob_key("from/before"), once(b"old"))
    async with oss_site() as site, AsyncExitStack() as stack:
        settings = settings_for(
            tmp_path,
            monkeypatch,
            BLOBS="oss",
            OSS_ENDPOINT=site.url,
            OSS_BUCKET=BUCKET,
            OSS_ACCESS_KEY_ID=KEY_ID,
            OSS_ACCESS_KEY_SECRET=SECRET,
            OSS_REGION=REGION,
        )
        blobs = await open_blobs(settings, stack)
        await blobs.check()
        await blobs.put(blob_key("new/one"), once(b"new"))
        assert (blobs.kind, await content(blobs, "from/before"), await content(blobs, "new/one")) == (
            "oss",
            b"old",
            b"new",
        )
        assert await LocalBlobs(tmp_path / "blobs").head(blob_key("new/one")) is None


async def test_keys_travel_over_plain_http_only_where_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"S3_BUCKET": "b", "S3_ACCESS_KEY_ID": "k", "S3_SECRET_ACCESS_KEY": "canary"}
    async with AsyncExitStack() as stack:
        settings = settings_for(tmp_path, monkeypatch, BLOBS="s3", S3_ENDPOINT="http://store.example", **more)
        with pytest.raises(BadSettings, match="plain http") as refused:
            await open_blobs(settings, stack)
        assert "canary" not in str(refused.value)
        monkeypatch.setenv("MULTIPLAYER_BLOBS_ALLOW_HTTP", "true")
        assert (await open_blobs(load_settings(data_dir=tmp_path), stack)).kind == "s3"
