"""Files that people and AIs attach to messages: what everybody in the room may know of one, and how its upload goes."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId
from multiplayer.protocol.tools import Sha256
from multiplayer.protocol.values import Frozen, Sparse, UtcTime

MAX_ATTACHMENTS = 10
"""Of one message."""
MAX_FILE_NAME = 255
"""Characters."""
MAX_TRANSCRIPT = 40_000
"""Characters."""


class AttachmentState(StrEnum):
    """`ready` is only what lies in the store whole, with the checksum that its bytes have."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    REMOVED = "removed"


class FileFamily(StrEnum):
    """What one may do with a file; found by its content, never by its name."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "pdf"
    OFFICE = "office"
    TEXT = "text"
    ARCHIVE = "archive"
    OTHER = "other"


class TranscriptState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class Transcript(Frozen):
    """What is said in a recording, and how far it is written down."""

    state: TranscriptState
    text: Sparse[Annotated[str, Field(max_length=MAX_TRANSCRIPT)]] = ""
    """Once it is done; empty if nobody speaks."""
    reason: Sparse[str] = ""
    """Why it failed, or why it is tried again, in plain words."""
    language: Sparse[str] = ""
    """As whoever listened calls it: a code or a name."""
    is_edited: Sparse[bool] = False
    """The text is its author's, not that of whoever listened."""
    until: Sparse[UtcTime | None] = None
    """While it runs: by then there is news, or whoever listened is gone and another may take it over."""


class Attachment(Frozen):
    """A file of a message, as it stands. `content_type` is found by its content; empty until it is ready."""

    id: AttachmentId
    name: str
    size: int
    """In bytes: as said while it is pending, as counted once it is ready."""
    state: AttachmentState
    reason: Sparse[str] = ""
    """Why it failed or was removed, in plain words."""
    content_type: Sparse[str] = ""
    family: FileFamily = FileFamily.OTHER
    width: Sparse[int] = 0
    height: Sparse[int] = 0
    """Of an image, in pixels, turned as it is to be shown."""
    pages: Sparse[int] = 0
    has_thumbnail: Sparse[bool] = False
    has_text: Sparse[bool] = False
    """Its text can be read, by people and by AIs."""
    is_inline_safe: Sparse[bool] = False
    """A browser may show it in the page: pictures of dots, sound, moving pictures, plain text and PDF."""
    transcript: Sparse[Transcript | None] = None
    """Of a recording; none if nobody has been asked to listen."""


class UploadPlan(Frozen):
    """How the bytes of an attachment come in: parts of `part_bytes`, the last one shorter, each any number of times."""

    part_bytes: int
    parts: int
    received: tuple[int, ...] = ()
    """The numbers, from 1, of the parts that are there."""
    until: UtcTime
    """What is not complete by then is thrown away."""


class Upload(Frozen):
    """An attachment on its way, as its uploader sees it. `plan` is None once nothing more is to be sent."""

    room_id: RoomId
    attachment: Attachment
    message_id: MessageId | None = None
    """Where it is attached."""
    plan: UploadPlan | None = None


class BeginUpload(Frozen):
    """What is asked to begin an upload. With `sha256` a file that the uploader can read already is not sent again."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_FILE_NAME)]
    size: Annotated[int, Field(ge=0, strict=True)]
    sha256: Sha256 | None = None


class SignedPart(Frozen):
    """Where one part may be put directly, past the server: this method and URL, with exactly these headers."""

    number: int
    method: str
    url: str
    headers: dict[str, str] = Field(default_factory=dict)
    until: UtcTime


class RoomFile(Frozen):
    """A ready file of a message."""

    attachment: Attachment
    message_id: MessageId
    seq: int
    """Of its message."""
    uploaded_by: AccountId
    at: UtcTime


class FileListing(Frozen):
    """Files of a room's messages, the newest first. `next_before`: ask for the rest with it; None: that is all."""

    files: tuple[RoomFile, ...]
    next_before: int | None = None
