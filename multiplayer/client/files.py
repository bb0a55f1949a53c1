"""What a program can do with a file of a message by its id alone, in whichever room that is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from multiplayer.client.fetching import Downloaded, Fetching, FileHead, file_path, head_of
from multiplayer.client.local_file import Progress, ignore
from multiplayer.client.rest import Rest, http_client
from multiplayer.client.sending import upload_path
from multiplayer.protocol.attachments import Upload
from multiplayer.protocol.ids import AttachmentId

PATIENCE_S: Final = 60.0
"""How long a transfer is tried over lost connections without getting on."""


class Files:
    """Every method raises `Refused`, `NotSignedIn` or `ConnectionLost`; only `download` tries again."""

    def __init__(self, rest: Rest, *, patience_s: float = PATIENCE_S) -> None:
        self._rest = rest
        self._patience_s = patience_s

    async def about(self, file_id: AttachmentId) -> FileHead:
        """Return a file's name, as its sender called it, its size and checksum."""
        return await head_of(self._rest, file_id)

    async def download(
        self, file_id: AttachmentId, to: Path, *, on_progress: Progress = ignore, replaces: bool = False
    ) -> Downloaded:
        """Write a file to `to`, whole and checked or not at all; over what is there only if it `replaces` that.

        What breaks off goes on where it was. Raises `FileExistsError`, other `OSError`, and `FileDamaged`.
        """
        fetching = Fetching(self._rest, file_id, patience_s=self._patience_s)
        return await fetching.run(to, replaces=replaces, on_progress=on_progress)

    async def text(self, file_id: AttachmentId) -> str:
        """Return the text that was found in a file: a stranger's words, cut where it was too long."""
        return (await self._rest.fetch(f"{file_path(file_id)}/text", {})).decode(errors="replace")

    async def thumbnail(self, file_id: AttachmentId) -> bytes:
        """Return a small picture of a picture, as WebP."""
        return await self._rest.fetch(f"{file_path(file_id)}/thumbnail", {})

    async def upload(self, upload_id: AttachmentId) -> Upload:
        """Return how an upload of this account goes."""
        return await self._rest.read(upload_path(upload_id), Upload)

    async def cancel_upload(self, upload_id: AttachmentId) -> None:
        """Give up an upload, or forget a file that is attached to nothing. Refused as CONFLICT if it is attached."""
        await self._rest.remove(upload_path(upload_id))


@asynccontextmanager
async def files_at(url: str, token: str, *, user_agent: str, patience_s: float = PATIENCE_S) -> AsyncIterator[Files]:
    """Use a server's files without entering a room. Asks nobody anything yet. Raises `ValueError` for what is no address."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the server's address begins with http:// or https://")

    async def fixed() -> str:
        return token

    async with http_client(url, user_agent) as http:
        yield Files(Rest(http, fixed), patience_s=patience_s)
