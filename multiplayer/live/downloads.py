"""Handing out files of messages: to who may read the message, and only what lies in the store whole."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import structlog

from multiplayer.blobs.port import BlobKey, BlobMissing, Blobs, BlobsFault, Shown, content_key
from multiplayer.live.contents import text_key, thumbnail_key
from multiplayer.live.directory import Directory
from multiplayer.protocol.attachments import Attachment, AttachmentState, FileListing, RoomFile
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, AttachmentId, RoomId
from multiplayer.rooms.permissions import Right
from multiplayer.storage.attachment_port import StoredUpload
from multiplayer.storage.port import Storage

_log = structlog.get_logger(__name__)
LINK_S: Final = 300
"""A signed link to the store is good for so long."""
_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class OpenFile:
    """A file that may be read. `size` in bytes; `etag` is of its content."""

    attachment: Attachment
    room_id: RoomId
    key: BlobKey
    size: int
    etag: str
    content_type: str
    disposition: str


class Downloads:
    def __init__(self, storage: Storage, blobs: Blobs, directory: Directory, *, by_link: bool = True) -> None:
        self._by_link = by_link
        self._storage = storage
        self._blobs = blobs
        self._directory = directory

    async def about(self, attachment_id: AttachmentId, account_id: AccountId) -> StoredUpload:
        """Return what is known of a file. Refuses NOT_FOUND who may not read its message."""
        found = (await self._storage.uploads([attachment_id])).get(attachment_id)
        if found is None or not await self._may_read(found, account_id):
            raise _no_such_file()
        return found

    async def content(self, attachment_id: AttachmentId, account_id: AccountId, *, is_inline: bool) -> OpenFile:
        """Return a file for download; `is_inline`: to be shown in a page, if that can do no harm."""
        found, sha256 = await self._ready(attachment_id, account_id)
        one = found.attachment
        inline = is_inline and one.is_inline_safe
        return OpenFile(
            attachment=one,
            room_id=found.room_id,
            key=content_key(sha256),
            size=one.size,
            etag=sha256,
            # What is not safe in a page is bytes to a browser, whatever it is.
            content_type=one.content_type if inline else "application/octet-stream",
            disposition=f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(one.name, safe='')}",
        )

    async def thumbnail(self, attachment_id: AttachmentId, account_id: AccountId) -> OpenFile:
        found, sha256 = await self._ready(attachment_id, account_id)
        if not found.attachment.has_thumbnail:
            raise Refused(RefusalCode.NOT_FOUND, "this file has no small picture")
        return await self._derived(found, thumbnail_key(sha256), f"{sha256}-thumbnail", "image/webp")

    async def text(self, attachment_id: AttachmentId, account_id: AccountId) -> OpenFile:
        """Return the text that was found in a file: a stranger's words, cut where it was too long."""
        found, sha256 = await self._ready(attachment_id, account_id)
        if not found.attachment.has_text:
            raise Refused(RefusalCode.NOT_FOUND, "no text was found in this file")
        return await self._derived(found, text_key(sha256), f"{sha256}-text", _TEXT)

    async def link(self, file: OpenFile) -> str | None:
        """Return a link by which its bytes come from the store itself for some minutes; None: they come from here."""
        if not self._by_link:
            return None
        try:
            return await self._blobs.sign_get(file.key, Shown(file.content_type, file.disposition), for_s=LINK_S)
        except BlobsFault as fault:
            raise _away() from fault

    async def read(self, file: OpenFile, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return its bytes, the first of them known to be there. What breaks later breaks the stream: never a short file."""
        pieces = self._blobs.read(file.key, start, end)
        try:
            first = await anext(pieces, b"")
        except BlobMissing:
            raise Refused(RefusalCode.UNAVAILABLE, "the bytes of this file are not where they should be") from None
        except BlobsFault as fault:
            raise _away() from fault

        async def all_of_it() -> AsyncIterator[bytes]:
            yield first
            try:
                async for piece in pieces:
                    yield piece
            except BlobsFault as fault:
                _log.warning("download_broke_off", file=file.attachment.id, error=str(fault))
                raise ConnectionAbortedError("the file store broke off") from None

        return all_of_it()

    async def of_room(
        self, room_id: RoomId, account_id: AccountId, *, limit: int, before_seq: int | None
    ) -> FileListing:
        """Return the files of a room's messages, the newest first."""
        room = (await self._directory.host(room_id)).room
        room.check(account_id, Right.READ)
        found = await self._storage.files_of_room(
            room_id, limit=limit, before_seq=before_seq, from_seq=room.hidden_before(account_id)
        )
        messages = await self._storage.messages(
            room_id, [one.message_id for one in found if one.message_id is not None]
        )
        # As its message shows it: with what is said in it.
        shown = {file.id: file for message in messages.values() for file in message.attachments}
        files = tuple(
            RoomFile(
                attachment=shown.get(one.attachment.id, one.attachment),
                message_id=one.message_id,
                seq=one.message_seq,
                uploaded_by=one.uploader_id,
                at=one.at,
            )
            for one in found
            if one.message_id is not None
        )
        return FileListing(files=files, next_before=files[-1].seq if len(found) >= limit and files else None)

    async def _derived(self, found: StoredUpload, key: BlobKey, etag: str, content_type: str) -> OpenFile:
        try:
            there = await self._blobs.head(key)
        except BlobsFault as fault:
            raise _away() from fault
        if there is None:
            raise Refused(RefusalCode.UNAVAILABLE, "the bytes of this file are not where they should be")
        return OpenFile(found.attachment, found.room_id, key, there.size, etag, content_type, "inline")

    async def _ready(self, attachment_id: AttachmentId, account_id: AccountId) -> tuple[StoredUpload, str]:
        found = await self.about(attachment_id, account_id)
        match found.attachment.state:
            case AttachmentState.READY:
                assert found.sha256 is not None, "a file that is ready has bytes"
                return found, found.sha256
            case AttachmentState.PENDING:
                raise Refused(RefusalCode.CONFLICT, "this file is still on its way", retry_after_s=2.0)
            case AttachmentState.FAILED:
                raise Refused(RefusalCode.CONFLICT, f"this file did not arrive: {found.attachment.reason}")
            case _:
                raise Refused(RefusalCode.NOT_FOUND, "this file was removed")

    async def _may_read(self, found: StoredUpload, account_id: AccountId) -> bool:
        try:
            room = (await self._directory.host(found.room_id)).room
            room.check(account_id, Right.READ)
        except Refused:
            return False
        if found.message_id is None:
            return found.uploader_id == account_id
        return found.message_seq >= room.hidden_before(account_id)


def _no_such_file() -> Refused:
    return Refused(RefusalCode.NOT_FOUND, "there is no such file")


def _away() -> Refused:
    return Refused(RefusalCode.UNAVAILABLE, "the file store does not answer: try again", retry_after_s=5.0)
