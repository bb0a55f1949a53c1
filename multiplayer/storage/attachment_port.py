"""What every storage promises of attached files: uploads and their quotas, contents and who refers to them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from multiplayer.protocol.attachments import Attachment, FileFamily
from multiplayer.protocol.ids import AccountId, AttachmentId, MessageId, RoomId


@dataclass(frozen=True)
class Content:
    """What is known of bytes, found once for all attachments that have them. `sha256` in hexadecimal digits."""

    sha256: str
    size: int
    content_type: str
    family: FileFamily
    width: int = 0
    height: int = 0
    pages: int = 0
    has_thumbnail: bool = False
    has_text: bool = False
    is_inline_safe: bool = False


@dataclass(frozen=True)
class NewUpload:
    id: AttachmentId
    room_id: RoomId
    uploader_id: AccountId
    name: str
    size: int
    sha256: str | None
    """As said, if anything is."""
    part_bytes: int
    at: datetime
    until: datetime


@dataclass(frozen=True)
class StoredUpload:
    """An upload and what became of it. `attachment` is as the room may know it."""

    attachment: Attachment
    room_id: RoomId
    uploader_id: AccountId
    said_sha256: str | None
    part_bytes: int
    received: tuple[int, ...]
    """Numbers of the parts that lie in the store, ascending."""
    at: datetime
    until: datetime
    sha256: str | None = None
    """Of its content, once it is ready."""
    message_id: MessageId | None = None
    message_seq: int = 0


@dataclass(frozen=True)
class Quotas:
    """Sizes in bytes; removed files count nothing, those that may still come what was said of them."""

    room_bytes: int
    account_bytes: int
    """Of all files that an account has uploaded, in all rooms."""
    pending: int
    """Uploads of one account that have not arrived."""


QuotaHit = Literal["room_bytes", "account_bytes", "pending"]


class AttachmentStore(Protocol):
    """Rows of uploads and contents. The append of `message_posted` with attachments binds them to their message.

    That of `attachment_changed` with state `removed`, `message_deleted` and `room_deleted` removes them: name and content
    are forgotten, the row says that there was one. A content that nothing refers to is swept, not before its claim ends.
    """

    async def begin_upload(self, upload: NewUpload, quotas: Quotas) -> QuotaHit | None:
        """Store a pending upload, or name the quota that it would pass: of many at once none passes together either.

        One whose id is known changes nothing: it may be asked again after `OutcomeUnknown`.
        """
        ...

    async def uploads(self, ids: Collection[AttachmentId]) -> Mapping[AttachmentId, StoredUpload]: ...

    async def received_part(self, attachment_id: AttachmentId, number: int) -> bool:
        """Remember that a part has arrived. False: the upload is not pending or failed (any more)."""
        ...

    async def claim_content(self, sha256: str, until: datetime) -> None:
        """Keep the bytes with this checksum from being swept until then, whether they are there yet or not.

        Waits for a sweep that is removing just them: they are gone then, and are put again.
        """
        ...

    async def content(self, sha256: str) -> Content | None:
        """Return what is known of bytes that were ready once and are not swept."""
        ...

    async def finish_upload(self, attachment_id: AttachmentId, content: Content) -> StoredUpload | None:
        """The bytes lie in the store and are claimed: the upload is ready.

        None if it is not pending or failed, or if the claim has ended and they are swept, or being swept. Of several
        uploads with the same bytes the first one's facts stay.
        """
        ...

    async def fail_upload(
        self, attachment_id: AttachmentId, reason: str, *, forgets_parts: bool = False
    ) -> StoredUpload | None:
        """None if it is not pending or failed. `forgets_parts`: they have to be sent again."""
        ...

    async def drop_upload(self, attachment_id: AttachmentId) -> bool:
        """Forget an upload that no message has. False if one has, or there is none."""
        ...

    async def content_known_to(self, account_id: AccountId, sha256: str) -> Content | None:
        """Return the content if this account has uploaded it, or is a member (no guest) where a message has it ready."""
        ...

    async def files_of_room(
        self, room_id: RoomId, *, limit: int, before_seq: int | None = None, from_seq: int = 0
    ) -> Sequence[StoredUpload]:
        """Return the ready files of messages with `from_seq` <= seq < `before_seq`, the newest message first.

        No message is cut in two: a few more than `limit` may come.
        """
        ...

    async def file_bytes_of_room(self, room_id: RoomId) -> int: ...

    async def overdue_uploads(self, *, now: datetime, limit: int) -> Sequence[StoredUpload]:
        """Return uploads past their `until` that are still pending, or whatever they are attached to nothing."""
        ...

    async def sweep_contents(
        self, remove: Callable[[Sequence[str]], Awaitable[None]], *, now: datetime, limit: int
    ) -> int:
        """Remove contents that no ready upload has and nobody claims: first by `remove`, then from here; return how many.

        If `remove` raises, they stay. What is being swept elsewhere is left to that.
        """
        ...

    async def known_contents(self, sha256s: Collection[str]) -> frozenset[str]:
        """Return which of these are here, claimed or known."""
        ...
