"""What a user of the SDK may have to catch beside `Refused`, the server's own no."""

from multiplayer.protocol.ids import AttachmentId


class ConnectionLost(Exception):  # noqa: N818 - the world's state
    """The server could not be reached for as long as the client was told to try.

    With a `key`, a command was under way: it may be stored or not; the same key again never stores it twice.
    """

    def __init__(self, message: str, *, key: str | None = None) -> None:
        super().__init__(message)
        self.key = key


class NotSignedIn(Exception):  # noqa: N818 - a state
    """The token is missing, wrong, expired or revoked, or its account is disabled: get another one."""


class UploadFailed(Exception):  # noqa: N818 - how an upload ended
    """A file did not arrive. What was sent of it is kept for a day: `send_file` with `resume=upload_id` goes on there."""

    def __init__(self, reason: str, upload_id: AttachmentId) -> None:
        super().__init__(reason)
        self.reason = reason
        self.upload_id = upload_id


class FileChanged(Exception):  # noqa: N818 - what happened to a file
    """A file is not what it was when its upload began: it was written meanwhile, or it is another one."""


class FileDamaged(Exception):  # noqa: N818 - what happened to a file
    """What came of a download is not the file: another size or another checksum. Nothing of it was kept."""


class LinkLost(Exception):  # noqa: N818 - what happened to one connection; the client makes a new one
    """One connection ended. `code` is the close code, where there was one."""

    def __init__(self, reason: str, *, code: int | None = None, reconnect_ms: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.reconnect_ms = reconnect_ms
