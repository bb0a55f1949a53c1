"""Where the built web interface lies, and which other origins its pages need: those that signed links lead to, Supabase."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import multiplayer.transports
from multiplayer.blobs.layered import LayeredBlobs
from multiplayer.blobs.port import Blobs, Shown, blob_key
from multiplayer.settings import Settings
from multiplayer.transports.config import WebPlace
from multiplayer.transports.static import INDEX

WEB_FOLDER: Final = Path(multiplayer.transports.__file__).parent / "web"
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:\d+)?|https?://\[[0-9a-f:.]+\](:\d+)?")
_SIGNED_S: Final = 60


async def web_place(settings: Settings, blobs: Blobs, folder: Path = WEB_FOLDER) -> WebPlace | None:
    """Return what the transports are to serve; None if the interface is not built. Asks no store anything."""
    if not (folder / INDEX).is_file():
        return None
    # What lies in the older store comes from here: signing there would first ask both which of them has it.
    store = blobs.first if isinstance(blobs, LayeredBlobs) else blobs
    download, upload = await _links(store)
    return WebPlace(
        folder=folder,
        download_origins=_origins(download) if settings.files_by_link else (),
        upload_origins=_origins(upload),
        sign_in_origins=_origins(settings.supabase_url),
    )


async def _links(store: Blobs) -> tuple[str | None, str | None]:
    """Return a link for a download and one for an upload, of an object that is not there: made by computing alone."""
    nowhere = blob_key("none")
    download = await store.sign_get(nowhere, Shown("application/octet-stream", "attachment"), for_s=_SIGNED_S)
    put = await store.sign_put(nowhere, size=1, for_s=_SIGNED_S)
    return download, None if put is None else put.url


def _origins(url: str | None) -> tuple[str, ...]:
    if url is None:
        return ()
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()
    # It goes into a header, where a semicolon or a space would begin something else.
    return (origin,) if _ORIGIN.fullmatch(origin) else ()
