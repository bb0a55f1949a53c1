"""What a program can do with the files of a room's messages: send, list, fetch, and take back what was not attached."""

from collections.abc import Callable
from pathlib import Path

from multiplayer.client.fetching import Downloaded
from multiplayer.client.files import PATIENCE_S, Files
from multiplayer.client.local_file import Progress, ignore, opened
from multiplayer.client.rest import Rest
from multiplayer.client.sending import Sending
from multiplayer.protocol.attachments import FileListing, Upload
from multiplayer.protocol.ids import AttachmentId, RoomId


def _nothing(_upload: Upload) -> None:
    """Nobody waits for the upload's id."""


class RoomAttachments:
    """A part of `Room`. Every method raises `Refused`, `NotSignedIn` or `ConnectionLost`."""

    _rest: Rest
    _room_id: RoomId

    async def send_file(
        self,
        path: Path,
        *,
        name: str | None = None,
        resume: AttachmentId | None = None,
        direct: bool = False,
        on_check: Progress = ignore,
        on_begun: Callable[[Upload], None] = _nothing,
        on_progress: Progress = ignore,
        patience_s: float = PATIENCE_S,
    ) -> Upload:
        """Send a file in parts and return it ready, to be attached by `send(attachments=[…])` within a day.

        It is read once for its checksum (`on_check` tells how far that is): what this account can read already is not
        sent again. Then the parts that are missing are sent (`on_progress`), each tried again for `patience_s` without
        getting on; `direct`: past the server into its file store, where that can be. `on_begun` gets the id under which
        a broken upload is taken up again, as `resume`. Raises `UploadFailed` with that id, `FileChanged`, and `OSError`.
        """
        async with opened(path) as file:
            sending = Sending(self._rest, self._room_id, file, is_direct=direct, patience_s=patience_s)
            return await sending.run(
                name or path.name, resume, on_check=on_check, on_begun=on_begun, on_progress=on_progress
            )

    async def attachments(self, *, limit: int = 50, before: int | None = None) -> FileListing:
        """Return the files of messages, the newest first; `before` as the last listing's `next_before` said."""
        params = {"limit": str(limit), "before": None if before is None else str(before)}
        return await self._rest.read(f"/rooms/{self._room_id}/files", FileListing, params)

    async def download(
        self, file_id: AttachmentId, to: Path, *, on_progress: Progress = ignore, replaces: bool = False
    ) -> Downloaded:
        """See `Files.download`."""
        return await self._files.download(file_id, to, on_progress=on_progress, replaces=replaces)

    async def attachment_text(self, file_id: AttachmentId) -> str:
        """See `Files.text`."""
        return await self._files.text(file_id)

    async def thumbnail(self, file_id: AttachmentId) -> bytes:
        """See `Files.thumbnail`."""
        return await self._files.thumbnail(file_id)

    async def upload(self, upload_id: AttachmentId) -> Upload:
        """See `Files.upload`."""
        return await self._files.upload(upload_id)

    async def cancel_upload(self, upload_id: AttachmentId) -> None:
        """See `Files.cancel_upload`."""
        await self._files.cancel_upload(upload_id)

    @property
    def _files(self) -> Files:
        return Files(self._rest)
