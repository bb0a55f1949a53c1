"""What the web interface is served from, and which other origins its pages may speak to, by the settings."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from multiplayer.blobs.layered import LayeredBlobs
from multiplayer.compose.stores import open_blobs
from multiplayer.compose.web import WEB_FOLDER, web_place
from multiplayer.settings import load_settings
from multiplayer.transports.config import WebPlace
from tests.journeys.house import environment, serving
from tests.support.raw_http import raw_request

OSS = {"blobs": "oss", "oss_bucket": "files", "oss_access_key_id": "k", "oss_access_key_secret": "s"}
HANGZHOU = {**OSS, "oss_endpoint": "oss-cn-hangzhou.aliyuncs.com"}
S3 = {"blobs": "s3", "s3_bucket": "b", "s3_access_key_id": "k", "s3_secret_access_key": "s"}
AZURE = {"blobs": "azure", "azure_account": "acc", "azure_container": "c", "azure_access_key": "a2V5"}


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    return folder


async def place_for(tmp_path: Path, dist: Path, **settings: object) -> WebPlace | None:
    loaded = load_settings(tmp_path / "data", **settings)
    async with AsyncExitStack() as stack:
        return await web_place(loaded, await open_blobs(loaded, stack), dist)


async def test_a_folder_without_a_page_is_not_built(tmp_path: Path) -> None:
    assert await place_for(tmp_path, tmp_path / "nowhere") is None
    (tmp_path / "web").mkdir()
    assert await place_for(tmp_path, tmp_path / "web") is None


def test_it_lies_where_the_build_puts_it() -> None:
    root = Path(__file__).parents[2]
    assert root / "multiplayer" / "transports" / "web" == WEB_FOLDER
    said = (root / "web" / "vite.config.ts").read_text()
    assert 'outDir: "../multiplayer/transports/web"' in said


async def test_with_files_of_our_own_pages_speak_to_nobody_else(tmp_path: Path, dist: Path) -> None:
    assert await place_for(tmp_path, dist) == WebPlace(dist)


@pytest.mark.parametrize(
    ("settings", "download", "upload"),
    [
        (HANGZHOU, "https://files.oss-cn-hangzhou.aliyuncs.com", "https://files.oss-cn-hangzhou.aliyuncs.com"),
        (
            {**HANGZHOU, "oss_cdn_domain": "cdn.example", "oss_internal_endpoint": "oss-cn-hangzhou-internal.aliyuncs.com"},
            "https://cdn.example",
            "https://files.oss-cn-hangzhou.aliyuncs.com",
        ),
        (S3, "https://b.s3.us-east-1.amazonaws.com", "https://b.s3.us-east-1.amazonaws.com"),
        (
            {**S3, "s3_endpoint": "http://127.0.0.1:9", "s3_public_endpoint": "https://S3.example:9000", "s3_path_style": True},
            "https://s3.example:9000",
            "https://s3.example:9000",
        ),
        (AZURE, "https://acc.blob.core.windows.net", "https://acc.blob.core.windows.net"),
    ],
)  # fmt: skip
async def test_a_store_that_signs_links_adds_exactly_where_they_lead(
    tmp_path: Path, dist: Path, settings: dict[str, object], download: str, upload: str
) -> None:
    wanted = WebPlace(dist, download_origins=(download,), upload_origins=(upload,))
    assert await place_for(tmp_path, dist, **settings) == wanted
    # Files from before the store was set come from here; neither store is asked which of them has anything.
    (tmp_path / "data" / "blobs").mkdir(parents=True)
    loaded = load_settings(tmp_path / "data", **settings)
    async with AsyncExitStack() as stack:
        blobs = await open_blobs(loaded, stack)
        assert isinstance(blobs, LayeredBlobs)
        assert await web_place(loaded, blobs, dist) == wanted


async def test_where_downloads_pass_by_here_only_uploads_go_elsewhere(tmp_path: Path, dist: Path) -> None:
    place = await place_for(tmp_path, dist, **HANGZHOU, files_by_link=False)
    assert place == WebPlace(dist, upload_origins=("https://files.oss-cn-hangzhou.aliyuncs.com",))


@pytest.mark.parametrize(
    ("url", "origins"),
    [
        ("https://project.supabase.co", ("https://project.supabase.co",)),
        ("https://Project.supabase.co/", ("https://project.supabase.co",)),
        ("http://localhost:54321", ("http://localhost:54321",)),
        ("http://[::1]:54321", ("http://[::1]:54321",)),
        ("https://x.example;script-src", ()),
        ("https://x.example *", ()),
    ],
)
async def test_supabase_adds_its_own_origin_and_no_rule(
    tmp_path: Path, dist: Path, url: str, origins: tuple[str, ...]
) -> None:
    place = await place_for(tmp_path, dist, supabase_url=url)
    assert place == WebPlace(dist, sign_in_origins=origins)


@pytest.mark.slow
async def test_a_server_says_at_its_start_whether_it_shows_the_interface(tmp_path: Path) -> None:
    async with serving(tmp_path, environment(tmp_path)) as house:
        link = f"{house.url}/sign-in#ml_"
        assert "Open this link to sign in as the operator host" in house.banner
        assert link in house.banner
        page = await raw_request(int(house.url.rpartition(":")[2]), "/sign-in")
        assert page.status == 200
        is_built = (WEB_FOLDER / "index.html").is_file()
        assert ("web       not built (make web)" in house.banner) == (not is_built)
        assert ("is not built" in page.text) == (not is_built)
